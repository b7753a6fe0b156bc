#include "bench/cpu_benchmark.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json_file.h"
#include "bench/choice.h"
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
struct Before {
  std::string device;
  std::map<std::string, double> times;
};

// Errors: not what ekgine_bench --json prints.
Before read_before(const std::filesystem::path& path) {
  if (path.empty()) return {};
  const auto report = parse_json(read_file(path), path.string());
  Before before;
  try {
    const Json* device = report.at("context").find("device");
    before.device = device != nullptr ? device->text() : "";
    for (const auto& row : report.at("benchmarks")) {
      const auto name =
          row.at("name").get<std::string>();  // "relu (2,3) forward/min_time:0.200/..."
      before.times[name.substr(0, name.find('/'))] = row.at("median_ms").get<double>();
    }
  } catch (const JsonError&) {
    fail("{}: is not what ekgine_bench --json prints", path.string());
  }
  return before;
}

// The options as Google Benchmark takes them.
std::vector<std::string> google_arguments(const BenchmarkOptions& options) {
  std::vector<std::string> arguments;
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

Timeable all_timeable() {
  Timeable all;
  for (const testing::OpCases& op : testing::all_ops()) {
    std::ranges::copy(op.model, std::back_inserter(all.cases));
    std::ranges::copy(op.shaped, std::back_inserter(all.shaped));
  }
  return all;
}

double bytes_of_machine() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
}

// Rows of a case: image types, directions.
void add_rows(const KernelCase& c, const Roofline& roofline, const Before& before) {
  const auto add = [&](Direction direction, DType type) {
    const std::string name = c.name + (type == DType::bf16 ? " bf16" : "") +
                             (direction == Direction::forward ? " forward" : " backward");
    const auto earlier = before.times.find(name);
    const std::optional<double> was =
        earlier == before.times.end() ? std::nullopt : std::optional(earlier->second);
    benchmark::RegisterBenchmark(name.c_str(),
                                 [&c, direction, type, &roofline, was](benchmark::State& state) {
                                   time_case(state, c, direction, type, roofline, was);
                                 })
        ->UseManualTime()
        ->MinTime(0.2)
        ->Unit(benchmark::kMillisecond);
  };
  const bool images = std::ranges::any_of(c.inputs, &testing::KernelInput::image);
  // Not of data alone.
  const bool backward = std::ranges::count(differentiable_inputs(c), true) > 0;
  for (const DType type : {DType::f32, DType::bf16}) {
    if (type == DType::bf16 && !images) continue;
    add(Direction::forward, type);
    if (backward) add(Direction::backward, type);
  }
}

// Google Benchmark's arguments: false where it does not know one.
bool initialise(const BenchmarkOptions& options, const std::vector<std::string>& arguments) {
  std::vector<std::string> all = google_arguments(options);
  all.insert(all.begin(), "ekgine_bench");
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(all.size());
  for (std::string& argument : all) argv.push_back(argument.data());
  auto argc = static_cast<int>(argv.size());
  benchmark::Initialize(&argc, argv.data());
  return !benchmark::ReportUnrecognizedArguments(argc, argv.data());
}

}  // namespace

int benchmark_cpu(const BenchmarkOptions& options, const std::vector<std::string>& arguments) {
  if (!initialise(options, arguments)) return 2;
  const Timeable all = all_timeable();
  if (options.list) {
    fmt::print("{}", all.list(options.filter));
    return 0;
  }
  const std::vector<KernelCase> cases = all.chosen(options);
  std::string name;
  {
    Device device = Device::cpu(DType::f32);
    name = device.description();
    if (!options.shape.empty()) {
      check_shape(device, cases.front(), options.shape, bytes_of_machine());
    }
  }
  const Before before = read_before(options.before);
  if (!options.before.empty()) tell_other_device(options, before.device, name);
  const Roofline roofline = measure_roofline();
  benchmark::AddCustomContext("device", name);
  benchmark::AddCustomContext("fma_gflops", fmt::format("{:.0f}", roofline.flops / 1e9));
  benchmark::AddCustomContext("copy_gb_per_s", fmt::format("{:.1f}", roofline.bytes / 1e9));
  for (const KernelCase& c : cases) add_rows(c, roofline, before);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace ekgine
