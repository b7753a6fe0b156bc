#include "bench/cpu_benchmark.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json_file.h"
#include "bench/composed_ops.h"
#include "bench/rivals.h"
#include "bench/roofline.h"
#include "bench/workload.h"
#include "tests/cases/op_cases.h"

namespace ekgine {
namespace {

using testing::KernelCase;
using testing::StatedCosts;
using Clock = std::chrono::steady_clock;

enum class Direction { forward, backward };

double bytes_of_machine() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
}

// A case on a CPU that stores images as `type` (f32 or bf16).
class Timed {
 public:
  // Errors: its arrays take more than `memory` bytes.
  Timed(KernelCase c, DType type, double memory)
      : case_(std::move(c)),
        device_(Device::cpu(type)),
        footprint_(measure_footprint(device_, case_)),
        workload_(device_, case_, footprint_) {
    if (bytes() > memory) {
      fail("{} takes {:.3g} GB, there are {:.3g}", case_.name, bytes() / 1e9, memory / 1e9);
    }
    workload_.write(device_);
    run();  // traces the memory plan
    const CostNotes costs(device_);
    run();
    costs_ = costs.so_far();
  }

  double bytes() const {
    return static_cast<double>(Workload::bytes(device_, case_, footprint_) +
                               footprint_.activations);
  }
  Results results() {
    Pass pass(device_, workload_);
    return results_of(device_, workload_, pass, footprint_.differentiable);
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
  KernelCase case_;
  Device device_;
  Footprint footprint_;
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
      if (row.contains("error_occurred")) continue;
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

// What all rows are held against, and how they are printed.
struct Held {
  const Roofline& roofline;
  const Before& before;
  bool csv;
};

// A row: one direction of a case, with images of this type.
struct Row {
  const KernelCase& c;
  Direction direction;
  DType type;
  // Null for the op itself; of the rival, how far its results are from the op's, once both are
  // known.
  const testing::Rival* rival = nullptr;
  std::shared_ptr<std::optional<double>> difference = {};

  std::string name() const {
    return c.name + (type == DType::bf16 ? " bf16" : "") +
           (direction == Direction::forward ? " forward" : " backward") +
           (rival != nullptr ? ", " + rival->by : "");
  }
  const Cost& cost(const Timed& op) const {
    return direction == Direction::forward ? op.costs().forward : op.costs().backward;
  }
  double seconds(Timed& timed) const {
    const auto [forward, backward] = timed.run();
    return direction == Direction::forward ? forward : backward;
  }
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

void count(benchmark::State& state, const Row& row, const Held& held, const Cost& cost,
           double seconds) {
  state.counters["median_ms"] = seconds * 1e3;
  state.counters["GFLOP/s"] = cost.flops / seconds / 1e9;
  state.counters["GB/s"] = cost.bytes / seconds / 1e9;
  state.counters["%roof"] = 100 * roofline_seconds(held.roofline, cost) / seconds;
  const auto earlier = held.before.times.find(row.name());
  if (earlier != held.before.times.end()) {
    state.counters["x_before"] = seconds * 1e3 / earlier->second;
  }
}

// Google Benchmark's loop around one direction of a case; the other direction is not timed.
void time_op(benchmark::State& state, const Row& row, const Held& held) {
  Timed op(row.c, row.type, bytes_of_machine());
  std::vector<double> times;
  for (auto _ : state) {
    times.push_back(row.seconds(op));
    state.SetIterationTime(times.back());
  }
  const Cost& cost = row.cost(op);
  count(state, row, held, cost, median(times));
  if (held.csv) {  // whose columns are those of its first row
    state.counters["x_ours"] = 1;
    state.counters["difference"] = 0;
  }
  state.SetLabel(bound(held.roofline, cost));
}

// The same for a rival, in turns with the op. Errors: those of the rival.
void time_rival(benchmark::State& state, const Row& row, const Held& held) {
  Timed op(row.c, row.type, bytes_of_machine());
  KernelCase other = row.c;
  other.op = row.rival->op;
  Timed rival(std::move(other), row.type, bytes_of_machine() - op.bytes());
  std::optional<double>& apart = *row.difference;
  if (!apart) apart = difference(rival.results(), op.results());
  std::vector<double> times, ours;
  for (auto _ : state) {
    times.push_back(row.seconds(rival));
    state.SetIterationTime(times.back());
    ours.push_back(row.seconds(op));
  }
  const Cost& cost = row.cost(op);
  const double seconds = median(times);
  count(state, row, held, cost, seconds);
  state.counters["x_ours"] = seconds / median(ours);
  state.counters["difference"] = *apart;
  state.SetLabel(bound(held.roofline, cost) +
                 told_difference(*apart, allowed_difference(row.type)));
}

Timeable all_timeable() {
  const auto composed = std::make_shared<ComposedOps>();
  Timeable all;
  for (const testing::OpCases& op : testing::all_ops()) {
    for (const KernelCase& c : op.model) all.cases.push_back(with_composition(c, composed));
    for (testing::ShapedOp shaped : op.shaped) {
      shaped.at = [at = shaped.at, composed](testing::Extents e) {
        return with_composition(at(e), composed);
      };
      all.shaped.push_back(std::move(shaped));
    }
  }
  return all;
}

void add_row(const Row& row, const Held& held) {
  benchmark::RegisterBenchmark(row.name().c_str(),
                               [row, held](benchmark::State& state) {
                                 if (row.rival == nullptr) {
                                   time_op(state, row, held);
                                   return;
                                 }
                                 try {
                                   time_rival(state, row, held);
                                 } catch (const std::exception& error) {
                                   state.SkipWithError(error.what());
                                 }
                               })
      ->UseManualTime()
      ->MinTime(0.2)
      ->Unit(benchmark::kMillisecond);
}

// Rows of a case: image types, directions, the op and its rivals.
void add_rows(const KernelCase& c, const Held& held) {
  const bool images = std::ranges::any_of(c.inputs, &testing::KernelInput::image);
  // Not of data alone.
  const bool backward = std::ranges::count(differentiable_inputs(c), true) > 0;
  for (const DType type : {DType::f32, DType::bf16}) {
    if (type == DType::bf16 && !images) continue;
    std::vector<Row> rows = {{c, Direction::forward, type}};
    for (const testing::Rival& rival : c.rivals) {
      if (!rival.on_cpu || type == DType::bf16) continue;  // which the fused ops alone take
      rows.push_back(
          {c, Direction::forward, type, &rival, std::make_shared<std::optional<double>>()});
    }
    for (const Row& row : rows) add_row(row, held);
    if (!backward) continue;
    for (Row row : rows) {
      row.direction = Direction::backward;
      add_row(row, held);
    }
  }
}

// Google Benchmark's arguments: false where it does not know one.
bool initialise(const BenchmarkOptions& options, const std::vector<std::string>& arguments) {
  static char program[] = "ekgine_bench";  // which it prints later
  std::vector<std::string> all = google_arguments(options);
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv = {program};
  for (std::string& argument : all) argv.push_back(argument.data());
  auto argc = static_cast<int>(argv.size());
  benchmark::Initialize(&argc, argv.data());
  return !benchmark::ReportUnrecognizedArguments(argc, argv.data());
}

}  // namespace

int benchmark_cpu(const BenchmarkOptions& options, const std::vector<std::string>& arguments) {
  return benchmark_cpu(all_timeable(), options, arguments);
}

int benchmark_cpu(const Timeable& all, const BenchmarkOptions& options,
                  const std::vector<std::string>& arguments) {
  if (!initialise(options, arguments)) return 2;
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
  const Held held{roofline, before, options.format == BenchmarkOptions::Format::csv};
  for (const KernelCase& c : cases) add_rows(c, held);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace ekgine
