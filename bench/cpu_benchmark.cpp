#include "bench/cpu_benchmark.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json_file.h"
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

// Milliseconds of the rows of an earlier run, by name.
using Before = std::map<std::string, double>;

// Errors: not what ekgine_bench --json prints.
Before read_before(const std::filesystem::path& path) {
  if (path.empty()) return {};
  const auto report = parse_json(read_file(path), path.string());
  Before before;
  try {
    for (const auto& row : report.at("benchmarks")) {
      const auto name =
          row.at("name").get<std::string>();  // "relu (2,3) forward/min_time:0.200/..."
      before[name.substr(0, name.find('/'))] = row.at("median_ms").get<double>();
    }
  } catch (const nlohmann::json::exception&) {
    fail("{}: is not what ekgine_bench --json prints", path.string());
  }
  return before;
}

// The options as Google Benchmark takes them. Its filter is a regular expression.
std::vector<std::string> google_arguments(const BenchmarkOptions& options) {
  std::vector<std::string> arguments;
  if (!options.filter.empty()) {
    std::string filter = "--benchmark_filter=";
    for (const char c : options.filter) {
      if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) filter += '\\';
      filter += c;
    }
    arguments.push_back(filter);
  }
  if (options.list) arguments.emplace_back("--benchmark_list_tests=true");
  if (options.format == BenchmarkOptions::Format::json) {
    arguments.emplace_back("--benchmark_format=json");
  } else if (options.format == BenchmarkOptions::Format::csv) {
    arguments.emplace_back("--benchmark_format=csv");
  }
  return arguments;
}

// Google Benchmark's loop around one direction of a case; the other direction is not timed.
void time_case(benchmark::State& state, const KernelCase& c, Direction direction, DType type,
               const Roofline& roofline, std::optional<double> before) {
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
  if (before) state.counters["x_before"] = median * 1e3 / *before;
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

int benchmark_cpu(const BenchmarkOptions& options, const std::vector<std::string>& arguments) {
  std::vector<std::string> all = google_arguments(options);
  all.insert(all.begin(), "ekgine_bench");
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(all.size());
  for (std::string& argument : all) argv.push_back(argument.data());
  auto argc = static_cast<int>(argv.size());
  benchmark::Initialize(&argc, argv.data());
  if (benchmark::ReportUnrecognizedArguments(argc, argv.data())) return 2;
  const Before before = read_before(options.before);
  const Roofline roofline = options.list ? Roofline() : measure_roofline();
  benchmark::AddCustomContext("fma_gflops", fmt::format("{:.0f}", roofline.flops / 1e9));
  benchmark::AddCustomContext("copy_gb_per_s", fmt::format("{:.1f}", roofline.bytes / 1e9));
  const std::vector<KernelCase> cases = model_cases();
  const auto add = [&](const KernelCase& c, Direction direction, DType type) {
    const std::string name = c.name + (type == DType::bf16 ? " bf16" : "") +
                             (direction == Direction::forward ? " forward" : " backward");
    const auto earlier = before.find(name);
    const std::optional<double> was =
        earlier == before.end() ? std::nullopt : std::optional(earlier->second);
    benchmark::RegisterBenchmark(name.c_str(),
                                 [&c, direction, type, &roofline, was](benchmark::State& state) {
                                   time_case(state, c, direction, type, roofline, was);
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
