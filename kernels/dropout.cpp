#include "kernels/dropout.h"

#include <array>
#include <cstring>

#include "kernels/runtime/simd.h"

namespace ekgine::kernels {

namespace {

constexpr std::int64_t chunk = 256;  // elements whose words are drawn together

constexpr std::int64_t blocks_at_once = simd::lanes / 2;

// philox() of `count` blocks from `first` on, and of up to blocks_at_once − 1 more. A word takes
// the lower half of a lane, the only one that its multiplication reads; the upper half is whatever
// the round before has left there.
void philox_blocks(RandomKey key, std::uint64_t first, std::int64_t count, std::uint32_t* words) {
  constexpr std::uint64_t lower = 0xFFFFFFFFU;
  for (std::int64_t b = 0; b < count; b += blocks_at_once) {
    simd::Longs block;
    for (std::int64_t k = 0; k < blocks_at_once; ++k) {
      block[k] = first + static_cast<std::uint64_t>(b + k);
    }
    simd::Longs c0 = block, c1 = block >> 32, c2 = simd::Longs{} + key.op,
                c3 = simd::Longs{} + key.step;
    auto k0 = static_cast<std::uint32_t>(key.seed), k1 = static_cast<std::uint32_t>(key.seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const simd::Longs p0 = simd::multiply_lower(c0, 0xD2511F53U);
      const simd::Longs p1 = simd::multiply_lower(c2, 0xCD9E8D57U);
      c0 = p1 >> 32 ^ c1 ^ k0;
      c2 = p0 >> 32 ^ c3 ^ k1;
      c1 = p1;
      c3 = p0;
      k0 += 0x9E3779B9U;
      k1 += 0xBB67AE85U;
    }
    const simd::Longs front = (c0 & lower) | c1 << 32, back = (c2 & lower) | c3 << 32;
    for (std::int64_t k = 0; k < blocks_at_once; ++k) {
      const std::uint64_t of_block[2] = {front[k], back[k]};
      std::memcpy(words + 4 * (b + k), of_block, sizeof of_block);
    }
  }
}

}  // namespace

template <class T>
void dropout_factors(const Step& step, const Dropout& dropout, std::uint64_t first,
                     std::int64_t count, T* factor) {
  const std::uint32_t threshold = dropout.threshold();
  const T scale = static_cast<T>(dropout.scale());
  const RandomKey key = random_key(step, dropout.op);
  std::array<std::uint32_t, chunk + 4 * (1 + blocks_at_once)> words;
  for (std::int64_t done = 0; done < count;) {
    // Whole blocks; the first may begin before the first element.
    const std::uint64_t element = dropout.first + first + static_cast<std::uint64_t>(done);
    const std::uint64_t block = element / 4;
    const auto skipped = static_cast<std::int64_t>(element % 4);
    const std::int64_t n = std::min(count - done, chunk);
    const std::int64_t blocks = (skipped + n + 3) / 4;
    philox_blocks(key, block, blocks, words.data());
    const std::uint32_t* word = words.data() + skipped;
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) factor[done + i] = word[i] >= threshold ? scale : T(0);
    done += n;
  }
}

template <class T>
void dropout(const Cpu& cpu, std::int64_t n, const Dropout& dropout, const T* x, Gradient<T> y) {
  if (!y) return;
  assign_or_add(y, [&](auto put) {
    for_dropout_factors<T>(cpu, n, 10, dropout, [&](std::int64_t i, T factor) {
      put(i, factor != 0 ? x[i] * factor : T(0));
    });
  });
}

template void dropout_factors(const Step&, const Dropout&, std::uint64_t, std::int64_t, float*);
template void dropout_factors(const Step&, const Dropout&, std::uint64_t, std::int64_t, double*);
template void dropout(const Cpu&, std::int64_t, const Dropout&, const float*, Gradient<float>);
template void dropout(const Cpu&, std::int64_t, const Dropout&, const double*, Gradient<double>);

}  // namespace ekgine::kernels
