#include "bench/roofline.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace ekgine {

namespace {

double seconds(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A vector register's worth of floats; twelve independent chains hide the latency of the addition.
#ifdef __AVX512F__
constexpr int lanes = 16;
#else
constexpr int lanes = 8;
#endif
using Vector [[gnu::vector_size(lanes * sizeof(float))]] = float;
constexpr int chains = 12;

constexpr std::int64_t rounds = 3'000'000;

double fma_rate() {
  const int threads = thread_count();
  std::vector<float> sinks(static_cast<std::size_t>(threads));
  const double time = seconds([&] {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int thread = 0; thread < threads; ++thread) {
      Vector sums[chains];
      for (int i = 0; i < chains; ++i) sums[i] = Vector{} + static_cast<float>(i);
      const Vector factor = Vector{} + 0.999F, term = Vector{} + 0.001F;
      for (std::int64_t round = 0; round < rounds; ++round) {
        for (Vector& sum : sums) sum = sum * factor + term;
      }
      float sink = 0;
      for (const Vector& sum : sums) sink += sum[0];
      sinks[static_cast<std::size_t>(thread)] = sink;  // keeps the loop
    }
  });
  return 2.0 * static_cast<double>(rounds) * chains * lanes * threads / time;
}

double bfloat16_rate() {
#ifdef __AVX512BF16__
  const int threads = thread_count();
  std::vector<float> sinks(static_cast<std::size_t>(threads));
  const double time = seconds([&] {
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int thread = 0; thread < threads; ++thread) {
      __m512 sums[chains];
      for (int i = 0; i < chains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
      const __m512bh factor = _mm512_cvtne2ps_pbh(sums[1], sums[2]);
      for (std::int64_t round = 0; round < rounds; ++round) {
        for (__m512& sum : sums) sum = _mm512_dpbf16_ps(sum, factor, factor);
      }
      float sink = 0;
      for (const __m512& sum : sums) sink += sum[0];
      sinks[static_cast<std::size_t>(thread)] = sink;  // keeps the loop
    }
  });
  return 2.0 * 2.0 * static_cast<double>(rounds) * chains * 16 * threads / time;
#else
  return 0;
#endif
}

double copy_rate(std::vector<float>& from, std::vector<float>& to) {
  const auto n = static_cast<std::int64_t>(from.size());
  const double time = seconds([&] {
    parallel_for(n, 1, [&](std::int64_t begin, std::int64_t end, int) {
      std::memcpy(to.data() + begin, from.data() + begin,
                  static_cast<std::size_t>(end - begin) * sizeof(float));
    });
  });
  return 2.0 * static_cast<double>(n) * sizeof(float) / time;
}

}  // namespace

Roofline measure_roofline() {
  Roofline best{};
  std::vector<float> from(std::size_t{1} << 26, 1), to(std::size_t{1} << 26);
  for (int attempt = 0; attempt < 5; ++attempt) {
    best.flops = std::max(best.flops, fma_rate());
    best.bfloat16_flops = std::max(best.bfloat16_flops, bfloat16_rate());
    best.bytes = std::max(best.bytes, copy_rate(from, to));
  }
  return best;
}

double roofline_seconds(const Roofline& roofline, const Cost& cost) {
  return std::max(cost.flops / roofline.flops, cost.bytes / roofline.bytes);
}

std::string bound(const Roofline& roofline, const Cost& cost) {
  return cost.flops / roofline.flops > cost.bytes / roofline.bytes ? "compute" : "memory";
}

}  // namespace ekgine
