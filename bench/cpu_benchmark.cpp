#include "bench/cpu_benchmark.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "bench/roofline.h"
#include "tests/cases/add_position.h"
#include "tests/cases/attention.h"
#include "tests/cases/batch_norm.h"
#include "tests/cases/batch_norm_relu_pool.h"
#include "tests/cases/conv2d.h"
#include "tests/cases/depthwise_conv1d.h"
#include "tests/cases/dropout.h"
#include "tests/cases/elementwise.h"
#include "tests/cases/gather.h"
#include "tests/cases/gather_jittered.h"
#include "tests/cases/global_avg_pool.h"
#include "tests/cases/glu.h"
#include "tests/cases/layer_norm.h"
#include "tests/cases/linear.h"
#include "tests/cases/lstm.h"
#include "tests/cases/max_pool2d.h"
#include "tests/cases/morlet_cwt.h"
#include "tests/cases/relu.h"
#include "tests/cases/softmax_cross_entropy.h"
#include "tests/cases/stem.h"
#include "tests/cases/swish.h"

namespace ekgine {
namespace {

using testing::KernelCase;
using testing::KernelInput;
using Clock = std::chrono::steady_clock;

// Values are drawn once and repeated: drawing millions would take longer than the measurement.
std::vector<float> draw(const KernelInput& input) {
  testing::Random random(1);
  std::vector<float> pool(4096);
  for (float& v : pool) v = static_cast<float>(input.draw ? input.draw(random) : random.normal());
  std::vector<float> values(static_cast<std::size_t>(input.shape.size()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = pool[i % pool.size()];
  return values;
}

enum class Direction { forward, backward };

// One op, its inputs and their gradients in memory, images as `type` (f32 or bf16).
class Workload {
 public:
  Workload(const KernelCase& c, DType type) : case_(c), device_(Device::cpu(type)) {
    for (const KernelInput& input : c.inputs) {
      const DType stored = input.image ? device_.image_dtype() : device_.dtype();
      const bool integers = !input.integers.empty();
      values_.push_back(integers ? Tensor() : allocate(input.shape, stored));
      if (!integers) device_.write(values_.back(), std::span<const float>(draw(input)));
      gradients_.push_back(input.differentiable ? allocate(input.shape, stored) : Tensor());
    }
    run();  // traces the memory plan
    run();
  }

  // Seconds of each direction in one pass.
  std::pair<double, double> run() {
    Tape tape(device_, Tape::Mode::training, plan_, {.seed = 1, .step = 1, .op = 0});
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const KernelInput& input = case_.inputs[i];
      inputs.push_back(!input.integers.empty() ? tape.input(input.shape, std::span(input.integers))
                       : input.differentiable  ? tape.leaf(values_[i], gradients_[i])
                                               : values_[i]);
    }
    const Clock::time_point start = Clock::now();
    const Tensor y = case_.op(tape, inputs);
    const Clock::time_point middle = Clock::now();
    if (!cotangent_) {
      cotangent_ = allocate(y.shape(), y.dtype());
      const std::vector<float> halves(static_cast<std::size_t>(y.size()), 0.5F);
      device_.write(cotangent_, std::span(halves));
    }
    const Clock::time_point seeded = Clock::now();
    if (y.id() >= 0) tape.backward(y, cotangent_);
    const Clock::time_point end = Clock::now();
    tape.finish();
    const std::chrono::duration<double> forward = middle - start, backward = end - seeded;
    return {forward.count(), backward.count()};
  }

 private:
  Tensor allocate(const Shape& shape, DType type) {
    Tensor tensor;
    memory_.push_back(device_.allocate("benchmark", {{tensor, shape, type}}));
    return tensor;
  }

  const KernelCase& case_;
  Device device_;
  Arena::Plan plan_;
  std::vector<std::unique_ptr<Memory>> memory_;
  std::vector<Tensor> values_, gradients_;
  Tensor cotangent_;
};

// Google Benchmark's loop around one direction of a case; the other direction is not timed.
void time_case(benchmark::State& state, const KernelCase& c, Direction direction, DType type,
               const Roofline& roofline) {
  Workload workload(c, type);
  Cost cost = direction == Direction::forward ? c.forward : c.backward;
  if (type == DType::bf16) cost.bytes /= 2;  // nearly all of them are images
  std::vector<double> times;
  for (auto _ : state) {
    const auto [forward, backward] = workload.run();
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

std::vector<KernelCase> all_cases() {
  std::vector<KernelCase> cases;
  const auto add = [&cases](std::vector<KernelCase> more) {
    std::ranges::move(more, std::back_inserter(cases));
  };
  using namespace testing;
  add(morlet_cwt_model_cases());
  add(stem_model_cases());
  // The first case of each of these two is the composition that stem replaces.
  add(conv2d_model_cases());
  add(batch_norm_relu_pool_model_cases());
  // The composition that batch_norm_relu_pool replaces.
  add(batch_norm_model_cases());
  add(relu_model_cases());
  add(max_pool2d_model_cases());
  add(gather_model_cases());
  add(gather_jittered_model_cases());
  add(layer_norm_model_cases());
  add(linear_model_cases());
  add(swish_model_cases());
  add(dropout_model_cases());
  add(add_position_model_cases());
  add(attention_model_cases());
  add(lstm_model_cases());
  add(glu_model_cases());
  add(depthwise_conv1d_model_cases());
  add(elementwise_model_cases());
  add(global_avg_pool_model_cases());
  add(softmax_cross_entropy_model_cases());
  return cases;
}

}  // namespace

int benchmark_cpu(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const Roofline roofline = measure_roofline();
  benchmark::AddCustomContext("fma_gflops", fmt::format("{:.0f}", roofline.flops / 1e9));
  benchmark::AddCustomContext("copy_gb_per_s", fmt::format("{:.1f}", roofline.bytes / 1e9));
  const std::vector<KernelCase> cases = all_cases();
  const auto add = [&](const KernelCase& c, Direction direction, DType type) {
    const Cost& cost = direction == Direction::forward ? c.forward : c.backward;
    if (direction == Direction::backward && cost.flops == 0) return;  // data, not weights
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
    const bool images = std::ranges::any_of(c.inputs, &KernelInput::image);
    for (const DType type : {DType::f32, DType::bf16}) {
      if (type == DType::bf16 && !images) continue;
      for (const Direction direction : {Direction::forward, Direction::backward}) {
        add(c, direction, type);
      }
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace ekgine
