#include "bench/cuda/benchmark.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json_file.h"
#include "bench/choice.h"
#include "bench/cuda/cases.h"
#include "bench/cuda/peaks.h"
#include "bench/cuda/timing.h"
#include "kernels/runtime/cuda_device.h"
#if EKGINE_CUDA_EMULATED
#include "bench/cuda_memory.h"
#endif

namespace ekgine {

namespace {

using testing::KernelCase;

constexpr bool emulated = EKGINE_CUDA_EMULATED;

// What is computed in, and the product that it is held against.
struct Precision {
  const char* name;
  DType type;
  bool tf32;
  double CudaPeaks::*peak;
};
constexpr Precision precisions[] = {{"f32", DType::f32, false, &CudaPeaks::f32},
                                    {"tf32", DType::f32, true, &CudaPeaks::tf32},
                                    {"bf16", DType::bf16, false, &CudaPeaks::bf16}};

// One way of doing one case in one direction.
struct Row {
  std::string name;    // of the op, its shape and the direction
  std::string by;      // whose kernels
  bool rival = false;  // of the row without it that came last
  Cost cost;
  Timing timing;
  std::int64_t passes = 0;
  double ratio = 1;       // time over the time of ours
  double difference = 0;  // of a rival's results from ours, relative
};

// What an earlier run came to.
class Before {
 public:
  Before() = default;
  // Errors: not what ekgine_bench --device cuda --json prints.
  explicit Before(const std::filesystem::path& path) {
    const auto report = parse_json(read_file(path), path.string());
    try {
      device_ = report.at("device").get<std::string>();
      for (const auto& row : report.at("rows")) {
        if (row.contains("error")) continue;
        seconds_[{row.at("op").text(), row.at("precision").text(), row.at("by").text()}] =
            row.at("us").get<double>() / 1e6;
      }
    } catch (const JsonError&) {
      fail("{}: is not what ekgine_bench --device cuda --json prints", path.string());
    }
  }

  const std::string& device() const { return device_; }  // "" where there is no earlier run
  // Of the same row; nothing where it had none.
  std::optional<double> seconds(const Row& row, const Precision& precision) const {
    const auto found = seconds_.find({row.name, precision.name, row.by});
    return found == seconds_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::string device_;
  std::map<std::array<std::string, 3>, double> seconds_;  // by op, precision and whose kernels
};

// As a field of CSV (RFC 4180): text in quotes, nothing for null.
std::string csv_field(const Json& value) {
  if (!value.is_string()) return value.is_null() ? "" : value.dump();
  std::string field = "\"";
  for (const char c : value.get<std::string>()) field += c == '"' ? "\"\"" : std::string(1, c);
  return field + '"';
}
constexpr const char* csv_columns[] = {"op",           "precision",
                                       "by",           "rival",
                                       "us",           "spread",
                                       "gb_per_s",     "percent_of_copy",
                                       "gflops",       "percent_of_product",
                                       "bound",        "launches",
                                       "passes",       "times_ours",
                                       "same_result",  "difference",
                                       "times_before", "error"};

// What the row is held against: bytes/s and operations/s of the precision.
struct Roof {
  double bytes, flops, launch;

  double seconds_of_memory(const Row& row) const { return row.cost.bytes / bytes; }
  double seconds_of_compute(const Row& row) const { return row.cost.flops / flops; }
  double seconds_of_launches(const Row& row) const {
    return static_cast<double>(row.timing.launches) * launch;
  }
  // Which of them takes longest at the least.
  const char* bound(const Row& row) const {
    const double memory = seconds_of_memory(row), compute = seconds_of_compute(row);
    if (seconds_of_launches(row) > std::max(memory, compute)) return "launch";
    return compute > memory ? "compute" : "memory";
  }
};

class Report {
 public:
  Report(BenchmarkOptions::Format format, const std::string& device, const CudaPeaks& peaks,
         const Before& before)
      : format_(format), before_(before) {
    json_["device"] = device;
    json_["emulated"] = emulated;
    json_["peaks"] = {{"copy_gb_per_s", peaks.copy / 1e9},
                      {"f32_gflops", peaks.f32 / 1e9},
                      {"tf32_gflops", peaks.tf32 / 1e9},
                      {"bf16_gflops", peaks.bf16 / 1e9},
                      {"launch_us", peaks.launch * 1e6}};
    if (!before.device().empty()) json_["before"] = before.device();
    json_["rows"] = Json::array();
    if (format_ == Format::csv) fmt::print("{}\n", fmt::join(csv_columns, ","));
    if (format_ != Format::table) return;
    fmt::print("{}{}\n\n",
               emulated ? "The device is emulated: times mean nothing and are left out.\n\n" : "",
               device);
    if (!before.device().empty()) fmt::print("Before: {}\n\n", before.device());
    if (emulated) return;
    fmt::print("| peak, measured | |\n|---|--:|\n");
    fmt::print("| copy kernel | {:.0f} GB/s |\n", peaks.copy / 1e9);
    const auto product = [](const char* name, double rate) {
      fmt::print("| cuBLASLt product, {} | {} |\n", name,
                 rate > 0 ? fmt::format("{:.1f} TFLOP/s", rate / 1e12) : "not on this GPU");
    };
    product("f32", peaks.f32);
    product("tf32", peaks.tf32);
    product("bf16", peaks.bf16);
    fmt::print("| kernel after kernel in a graph | {:.2f} µs |\n", peaks.launch * 1e6);
    std::fflush(stdout);
  }

  void begin(const Precision& precision) {
    precision_ = precision;
    if (format_ != Format::table) return;
    fmt::print(
        "\n## {}\n\n| {:<52} | {:<46} | {:>9} | {:>6} | {:>7} | {:>6} | {:>9} | {:>7} | {:<7} "
        "| {:>8} |{}\n|---|---|--:|--:|--:|--:|--:|--:|---|--:|{}\n",
        precision_.name, "op, shape, direction", "by", "µs", "× ours", "GB/s", "% copy", "GFLOP/s",
        "% prod.", "bound", "launches", before_.device().empty() ? "" : " × before |",
        before_.device().empty() ? "" : "--:|");
  }

  void add(const Row& row, const Roof& roof) {
    const double time = row.timing.seconds;
    const double copy = 100 * roof.seconds_of_memory(row) / time;
    const double product = 100 * roof.seconds_of_compute(row) / time;
    const double allowed = allowed_difference(precision_.type, precision_.tf32);
    Json json = {{"op", row.name},
                 {"precision", precision_.name},
                 {"by", row.by},
                 {"rival", row.rival},
                 {"us", time * 1e6},
                 {"spread", row.timing.spread},
                 {"gb_per_s", row.cost.bytes / time / 1e9},
                 {"percent_of_copy", copy},
                 {"gflops", row.cost.flops / time / 1e9},
                 {"percent_of_product", product},
                 {"bound", roof.bound(row)},
                 {"launches", row.timing.launches},
                 {"passes", row.passes}};
    if (row.rival) {
      json["times_ours"] = row.ratio;
      json["same_result"] = row.difference <= allowed;
      json["difference"] = row.difference;
    }
    const std::optional<double> earlier = before_.seconds(row, precision_);
    if (earlier) json["times_before"] = time / *earlier;
    print_csv(json);
    json_["rows"].push_back(std::move(json));
    if (format_ != Format::table) return;
    const auto timed = [](const char* format, double value) {
      return emulated ? "" : fmt::format(fmt::runtime(format), value);
    };
    fmt::print(
        "| {:<52} | {:<46} | {:>9} | {:>6} | {:>7} | {:>6} | {:>9} | {:>7} | {:<7} | {:>8} |{}\n",
        row.rival ? "" : row.name, row.by + told_difference(row.difference, allowed),
        timed("{:.2f}", time * 1e6), row.rival ? timed("{:.2f}", row.ratio) : "",
        timed("{:.1f}", row.cost.bytes / time / 1e9), timed("{:.1f}", copy),
        timed("{:.1f}", row.cost.flops / time / 1e9), timed("{:.1f}", product),
        emulated ? "" : roof.bound(row), row.timing.launches,
        before_.device().empty()
            ? ""
            : fmt::format(" {:>8} |",
                          earlier ? timed("{:.2f}", time / *earlier) : std::string("new")));
    std::fflush(stdout);
  }

  // What could not be timed, and why.
  void refuse(const std::string& name, const std::string& by, const std::string& why) {
    const Json row = {{"op", name}, {"precision", precision_.name}, {"by", by}, {"error", why}};
    print_csv(row);
    json_["rows"].push_back(row);
    if (format_ != Format::table) return;
    fmt::print("| {} | {}: {} | | | | | | | | |{}\n", name, by, why,
               before_.device().empty() ? "" : " |");
  }

  // Of an op of ours; a rival may well be unable to do something.
  void count_failure() { ++failures_; }
  int failures() const { return failures_; }

  Json& json() { return json_; }
  void finish() const {
    if (format_ == Format::json) fmt::print("{}\n", json_.dump(2));
  }

 private:
  using Format = BenchmarkOptions::Format;

  void print_csv(const Json& row) const {
    if (format_ != Format::csv) return;
    std::string line;
    for (const char* column : csv_columns) {
      if (column != csv_columns[0]) line += ',';
      const Json* field = row.find(column);
      line += csv_field(field != nullptr ? *field : Json());
    }
    fmt::print("{}\n", line);
    std::fflush(stdout);
  }

  Format format_;
  const Before& before_;
  Precision precision_ = precisions[0];
  Json json_ = Json::object();
  int failures_ = 0;
};

void time_with_rivals(Device& device, const KernelCase& c, const CudaEffort& effort,
                      const Sweep& sweep, const Roof& roof, Report& report) {
  struct Timed {
    const std::string& by;
    Timings timings;
    double difference;
  };
  std::vector<Timed> timed;
  try {
    timed.push_back({c.cuda_by, time_case(device, c, effort, sweep, !c.rivals.empty()), 0});
  } catch (const Error& error) {
    report.refuse(c.name, c.cuda_by, error.what());
    report.count_failure();
    return;
  }
  for (const testing::Rival& rival : c.rivals) {
    try {
      KernelCase other = c;
      other.op = rival.op;
      Timings timings = time_case(device, other, effort, sweep, true);
      const double apart = difference(timings.results, timed.front().timings.results);
      timings.results.clear();
      timed.push_back({rival.by, std::move(timings), apart});
    } catch (const Error& error) {
      report.refuse(c.name, rival.by, error.what());
    }
  }
  const auto add = [&](const char* direction, const Cost& cost, const auto& timing_of) {
    const std::optional<Timing> ours = timing_of(timed.front().timings);
    if (!ours) return;
    for (const Timed& one : timed) {
      const std::optional<Timing> timing = timing_of(one.timings);
      if (!timing) continue;
      report.add({.name = c.name + " " + direction,
                  .by = one.by,
                  .rival = &one != &timed.front(),
                  .cost = cost,
                  .timing = *timing,
                  .passes = one.timings.passes,
                  .ratio = timing->seconds / ours->seconds,
                  .difference = one.difference},
                 roof);
    }
  };
  const testing::StatedCosts costs = timed.front().timings.costs;
  add("forward", costs.forward, [](const Timings& t) { return std::optional<Timing>(t.forward); });
  add("backward", costs.backward, [](const Timings& t) { return t.backward; });
}

}  // namespace

void benchmark_cuda(const BenchmarkOptions& options) {
  if (const std::string reason = CudaDevice::unusable(0); !reason.empty()) {
    fail(
        "{}; without a GPU, the emulated build counts what the kernels do to memory: "
        "cmake --preset emulated && build/emulated/ekgine_bench --device cuda",
        reason);
  }
  const CudaEffort effort = emulated ? CudaEffort::emulated() : CudaEffort::of_device(0);
  const auto cudnn = std::make_shared<CudnnOps>();
  const Timeable all = cuda_timeable(emulated, cudnn, std::make_shared<ComposedOps>());
  if (options.list) {
    fmt::print("{}", all.list(options.filter));
    return;
  }
  const std::vector<KernelCase> cases = all.chosen(options);
  const Before before = options.before.empty() ? Before() : Before(options.before);
  if (!options.before.empty()) {
    tell_other_device(options, before.device(), CudaDevice::describe(0));
  }

  std::optional<CudaPeaks> peaks;
  std::optional<Report> report;
  for (const Precision& precision : precisions) {
    Device device =
        Device::cuda(0, precision.type,
                     {.activation_reserve = static_cast<std::size_t>(effort.memory),
                      .workspace_reserve = emulated ? std::size_t{1} << 22 : Device::cuda_workspace,
                      .tf32 = precision.tf32});
    if (!peaks) {
      if (!options.shape.empty()) {
        check_shape(device, cases.front(), options.shape, static_cast<double>(effort.memory));
      }
      peaks = measure_cuda_peaks(device, effort);
      report.emplace(options.format, CudaDevice::describe(0), *peaks, before);
    }
    const double product = *peaks.*precision.peak;
    if (product == 0) continue;  // not on this GPU
    // Also lasts longer than the host takes to launch a graph.
    const Sweep sweep(
        device, emulated ? effort.copy_bytes : std::max(4 * effort.cache_bytes, effort.copy_bytes));
    report->begin(precision);
    for (const KernelCase& c : cases) {
      if (precision.tf32 && !c.products) continue;  // as in f32
      time_with_rivals(device, c, effort, sweep, {peaks->copy, product, peaks->launch}, *report);
    }
  }
#if EKGINE_CUDA_EMULATED
  const std::vector<std::string> faults = emulation::take_faults();
  if (!faults.empty()) {
    fail("{} faults on the emulated device, the first: {}", faults.size(), faults[0]);
  }
  const std::vector<MemoryCount> counts =
      count_memory(options.shape.empty() ? counted_cases({options.filter}) : cases);
  if (options.format == BenchmarkOptions::Format::json) {
    report->json()["memory"] = as_json(counts);
  } else if (options.format == BenchmarkOptions::Format::table) {
    fmt::print(
        "\nNo clock in what follows: counted, the same on every machine (bench/cuda_memory.md "
        "has more of it).\n");
    print_memory(counts);
  }
#endif
  report->finish();
  if (report->failures() > 0) {
    fail("{} of the ops failed: their rows say why", report->failures());
  }
}

}  // namespace ekgine
