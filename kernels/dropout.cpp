#include "kernels/dropout.h"

#include <array>

namespace ekgine::kernels {

namespace {

constexpr std::int64_t chunk = 256;  // elements whose words are drawn together

}  // namespace

template <class T>
void dropout_factors(const Dropout& dropout, std::uint64_t first, std::int64_t count, T* factor) {
  const std::uint32_t threshold = dropout.threshold();
  const T scale = static_cast<T>(dropout.scale());
  const RandomKey key = dropout.key;
  std::array<std::uint32_t, chunk + 4> words;
  for (std::int64_t done = 0; done < count;) {
    // Whole blocks; the first may begin before the first element.
    const std::uint64_t element = first + static_cast<std::uint64_t>(done);
    const std::uint64_t block = element / 4;
    const auto skipped = static_cast<std::int64_t>(element % 4);
    const std::int64_t n = std::min(count - done, chunk);
    const std::int64_t blocks = (skipped + n + 3) / 4;
    // Vectorised as it stands; an omp simd would make an array of the words in memory.
    for (std::int64_t b = 0; b < blocks; ++b) {
      const auto w = philox(key, block + static_cast<std::uint64_t>(b));
      words[4 * b] = w[0];
      words[4 * b + 1] = w[1];
      words[4 * b + 2] = w[2];
      words[4 * b + 3] = w[3];
    }
    const std::uint32_t* word = words.data() + skipped;
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) factor[done + i] = word[i] >= threshold ? scale : T(0);
    done += n;
  }
}

template <class T>
void dropout(const Cpu&, std::int64_t n, const Dropout& dropout, const T* x, Gradient<T> y) {
  if (!y) return;
  parallel_for(n, grain_of(10), [&](std::int64_t begin, std::int64_t end, int) {
    std::array<T, chunk> factor;
    for (std::int64_t i = begin; i < end; i += chunk) {
      const std::int64_t m = std::min(end - i, chunk);
      dropout_factors(dropout, static_cast<std::uint64_t>(i), m, factor.data());
#pragma omp simd
      for (std::int64_t k = 0; k < m; ++k) {
        const T value = factor[k] != 0 ? x[i + k] * factor[k] : T(0);
        y.data[i + k] = y.accumulate ? y.data[i + k] + value : value;
      }
    }
  });
}

template void dropout_factors(const Dropout&, std::uint64_t, std::int64_t, float*);
template void dropout_factors(const Dropout&, std::uint64_t, std::int64_t, double*);
template void dropout(const Cpu&, std::int64_t, const Dropout&, const float*, Gradient<float>);
template void dropout(const Cpu&, std::int64_t, const Dropout&, const double*, Gradient<double>);

}  // namespace ekgine::kernels
