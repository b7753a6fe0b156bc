#include "bench/cpu_benchmark.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>
#include <vector>

#include "bench/roofline.h"
#include "bench/workload.h"
#include "tests/cases/op_cases.h"

namespace ekgine {
namespace {

using testing::KernelCase;
using testing::StatedCosts;
using Clock = std::chrono::steady_clock;

enum class Direction { forward, backward };

// A case on a CPU that stores images as `type` (f32 or bf16).
class Timed {
 public:
  Timed(const KernelCase& c, DType type)
      : device_(Device::cpu(type)), workload_(device_, c, measure_footprint(device_, c)) {
    workload_.write(device_);
    run();  // traces the memory plan
    const CostNotes costs(device_);
    run();
    costs_ = costs.so_far();
  }

  // Seconds of each direction in one pass.
  std::pair<double, double> run() {
    Pass pass(device_, workload_);
    const Clock::time_point start = Clock::now();
    pass.forward();
    const Clock::time_point middle = Clock::now();
    if (pass.differentiable()) pass.backward();
    const Clock::time_point end = Clock::now();
    pass.finish();
    const std::chrono::duration<double> forward = middle - start, backward = end - middle;
    return {forward.count(), backward.count()};
  }
  const StatedCosts& costs() const { return costs_; }

 private:
  Device device_;
  Workload workload_;
  StatedCosts costs_;
};

// Google Benchmark's loop around one direction of a case; the other direction is not timed.
void time_case(benchmark::State& state, const KernelCase& c, Direction direction, DType type,
               const Roofline& roofline) {
  Timed timed(c, type);
  const StatedCosts& costs = timed.costs();
  const Cost& cost = direction == Direction::forward ? costs.forward : costs.backward;
  std::vector<double> times;
  for (auto _ : state) {
    const auto [forward, backward] = timed.run();
    times.push_back(direction == Direction::forward ? forward : backward);
    state.SetIterationTime(times.back());
  }
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
  const double median = times[times.size() / 2];
  state.counters["median_ms"] = median * 1e3;
  state.counters["GFLOP/s"] = cost.flops / median / 1e9;
  state.counters["GB/s"] = cost.bytes / median / 1e9;
  state.counters["%roof"] = 100 * roofline_seconds(roofline, cost) / median;
  state.SetLabel(bound(roofline, cost));
}

std::vector<KernelCase> model_cases() {
  std::vector<KernelCase> cases;
  for (const testing::OpCases& op : testing::all_ops()) {
    std::ranges::copy(op.model, std::back_inserter(cases));
  }
  return cases;
}

}  // namespace

int benchmark_cpu(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const Roofline roofline = measure_roofline();
  benchmark::AddCustomContext("fma_gflops", fmt::format("{:.0f}", roofline.flops / 1e9));
  benchmark::AddCustomContext("copy_gb_per_s", fmt::format("{:.1f}", roofline.bytes / 1e9));
  const std::vector<KernelCase> cases = model_cases();
  const auto add = [&](const KernelCase& c, Direction direction, DType type) {
    benchmark::RegisterBenchmark((c.name + (type == DType::bf16 ? " bf16" : "") +
                                  (direction == Direction::forward ? " forward" : " backward"))
                                     .c_str(),
                                 [&c, direction, type, &roofline](benchmark::State& state) {
                                   time_case(state, c, direction, type, roofline);
                                 })
        ->UseManualTime()
        ->MinTime(0.2)
        ->Unit(benchmark::kMillisecond);
  };
  for (const KernelCase& c : cases) {
    const bool images = std::ranges::any_of(c.inputs, &testing::KernelInput::image);
    // Not of data alone.
    const bool backward = std::ranges::count(differentiable_inputs(c), true) > 0;
    for (const DType type : {DType::f32, DType::bf16}) {
      if (type == DType::bf16 && !images) continue;
      add(c, Direction::forward, type);
      if (backward) add(c, Direction::backward, type);
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace ekgine
