#include "bench/roofline.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "kernels/runtime/simd.h"

namespace ekgine {

namespace {

double seconds(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

using Vector = simd::Floats;
// Independent chains, which hide the latency of the addition.
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
  return 2.0 * static_cast<double>(rounds) * chains * simd::lanes * threads / time;
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
