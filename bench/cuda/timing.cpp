#include "bench/cuda/timing.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "base/error.h"
#include "bench/cuda/graph.h"
#include "bench/cuda/stopwatch.h"

namespace ekgine {

namespace {

using testing::KernelCase;
using testing::KernelInput;

constexpr std::int64_t alignment = 256;  // of cudaMalloc
std::int64_t padded(std::int64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}
std::int64_t bytes_of(const Shape& shape, DType type) {
  return shape.size() * static_cast<std::int64_t>(size_of(type));
}

DType type_of(const Device& device, const KernelInput& input) {
  if (!input.integers.empty()) return DType::i32;
  return input.parameter ? device.real_dtype() : device.dtype();
}

// Values are drawn once and repeated: drawing millions would take longer than the measurement.
std::vector<float> draw(const KernelInput& input) {
  testing::Random random(1);
  std::vector<float> pool(
      std::min<std::size_t>(4096, static_cast<std::size_t>(input.shape.size())));
  for (float& v : pool) v = static_cast<float>(input.draw ? input.draw(random) : random.normal());
  std::vector<float> values(static_cast<std::size_t>(input.shape.size()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = pool[i % pool.size()];
  return values;
}

// The arrays of one pass that are not activations.
struct Pass {
  std::unique_ptr<Memory> memory;
  std::vector<Tensor> values, gradients;
  Tensor cotangent;
  Arena::Plan plan;
};

std::int64_t array_bytes(const Device& device, const KernelCase& c) {
  std::int64_t bytes = 0;
  for (const KernelInput& input : c.inputs) {
    const std::int64_t array = padded(bytes_of(input.shape, type_of(device, input)));
    bytes += input.differentiable && input.integers.empty() ? 2 * array : array;
  }
  return bytes;
}

Pass make_pass(const Device& device, const KernelCase& c, const Shape& output, DType output_type) {
  Pass pass;
  const std::int64_t cotangent = padded(bytes_of(output, output_type));
  pass.memory = device.allocate("arrays of a pass",
                                static_cast<std::size_t>(array_bytes(device, c) + cotangent));
  std::byte* free = pass.memory->data();
  const auto take = [&](const Shape& shape, DType type) {
    const Tensor tensor = Tensor::view(free, shape, type);
    free += padded(bytes_of(shape, type));
    return tensor;
  };
  for (const KernelInput& input : c.inputs) {
    pass.values.push_back(take(input.shape, type_of(device, input)));
    pass.gradients.push_back(input.differentiable && input.integers.empty()
                                 ? take(input.shape, type_of(device, input))
                                 : Tensor());
  }
  pass.cotangent = take(output, output_type);
  return pass;
}

void write_values(Device& device, const KernelCase& c, Pass& pass) {
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    if (!c.inputs[i].integers.empty()) {
      device.write(pass.values[i], std::span(c.inputs[i].integers));
    } else {
      device.write(pass.values[i], std::span<const float>(draw(c.inputs[i])));
    }
  }
  const KernelInput cotangent{.shape = pass.cotangent.shape()};
  device.write(pass.cotangent, std::span<const float>(draw(cotangent)));
}

// A step of the tape that does the op once.
class Step {
 public:
  // The activations begin `skip` bytes into the arena.
  Step(Device& device, const KernelCase& c, Pass& pass, std::int64_t skip, bool dry)
      : case_(c),
        pass_(pass),
        tape_(device, Tape::Mode::training, pass.plan, {.seed = 1, .step = 1, .op = 0}, dry) {
    if (skip > 0) {
      skipped_ = tape_.empty(Shape{skip / static_cast<std::int64_t>(sizeof(float))}, DType::f32);
    }
    for (std::size_t i = 0; i < pass.values.size(); ++i) {
      inputs_.push_back(pass.gradients[i] ? tape_.leaf(pass.values[i], pass.gradients[i])
                                          : pass.values[i]);
    }
  }

  void forward() { y_ = case_.op(tape_, inputs_); }
  const Tensor& output() const { return y_; }
  bool differentiable() const { return y_.id() >= 0; }
  void backward(const Tensor& cotangent) { tape_.backward(y_, cotangent); }
  void finish() {
    y_ = Tensor();
    inputs_.clear();
    skipped_ = Tensor();
    tape_.finish();
  }

 private:
  const KernelCase& case_;
  Pass& pass_;
  Tape tape_;
  std::vector<Tensor> inputs_;
  Tensor skipped_, y_;
};

struct Footprint {
  Shape output;
  DType output_type;
  bool differentiable;
  std::int64_t activations;  // bytes of the arena
};

// By a dry step: no kernel runs.
Footprint measure_footprint(Device& device, const KernelCase& c) {
  Pass pass = make_pass(device, c, Shape{1}, DType::f32);
  Step step(device, c, pass, 0, true);
  step.forward();
  Footprint footprint{step.output().shape(), step.output().dtype(), step.differentiable(), 0};
  if (footprint.differentiable) {
    step.backward(Tensor::view(pass.memory->data(), footprint.output, footprint.output_type));
  }
  step.finish();
  footprint.activations = padded(static_cast<std::int64_t>(pass.plan.bytes()));
  return footprint;
}

Timing summarise(std::vector<double>& seconds, std::int64_t passes, std::size_t launches) {
  std::ranges::sort(seconds);
  const auto at = [&](double share) {
    return seconds[static_cast<std::size_t>(share * static_cast<double>(seconds.size() - 1) + 0.5)];
  };
  return {at(0.5) / static_cast<double>(passes), (at(0.75) - at(0.25)) / at(0.5), launches};
}

}  // namespace

Timings time_case(Device& device, const KernelCase& c, const CudaEffort& effort, const Sweep& sweep,
                  bool with_results) {
  const Cuda& cuda = cuda_of(device);
  const Footprint footprint = measure_footprint(device, c);
  const std::int64_t arrays =
      array_bytes(device, c) + padded(bytes_of(footprint.output, footprint.output_type));
  const std::int64_t each = arrays + footprint.activations;
  const auto arena = static_cast<std::int64_t>(device.activations().capacity());
  const std::int64_t fitting = std::min(
      effort.memory / each, arena / std::max<std::int64_t>(footprint.activations, alignment));
  if (fitting < 1) {
    fail("{}: a pass of {} MiB does not fit into {} MiB", c.name, each >> 20, effort.memory >> 20);
  }
  const std::int64_t passes = std::min(
      fitting,
      std::clamp(2 * effort.cache_bytes / each + 1, effort.least_passes, effort.most_passes));

  Timings timings;
  timings.passes = passes;
  Sequence forward, backward;
  std::vector<Pass> all;
  all.reserve(static_cast<std::size_t>(passes));
  for (std::int64_t k = 0; k < passes; ++k) {
    Pass& pass = all.emplace_back(make_pass(device, c, footprint.output, footprint.output_type));
    if (k == 0) {
      write_values(device, c, pass);
    } else {
      EKGINE_CUDA(cudaMemcpyAsync(pass.memory->data(), all.front().memory->data(), arrays,
                                  cudaMemcpyDeviceToDevice, cuda.stream));
    }
    // Once for real: modules are loaded, libraries choose, constants are kept.
    {
      Step step(device, c, pass, k * footprint.activations, false);
      step.forward();
      if (with_results && k == 0) timings.results.push_back(device.read_floats(step.output()));
      if (footprint.differentiable) step.backward(pass.cotangent);
      step.finish();
    }
    if (with_results && k == 0) {
      for (const Tensor& gradient : pass.gradients) {
        if (gradient) timings.results.push_back(device.read_floats(gradient));
      }
    }
    Step step(device, c, pass, k * footprint.activations, false);
    Capture first(cuda.stream);
    step.forward();
    forward.add(first.end());
    if (footprint.differentiable) {
      Capture second(cuda.stream);
      step.backward(pass.cotangent);
      backward.add(second.end());
    }
    step.finish();
  }
  forward.instantiate();
  if (footprint.differentiable) backward.instantiate();

  Stopwatch watch;
  const auto run = [&](const Sequence& sequence) {
    sweep.run();
    watch.start(cuda.stream);
    sequence.launch(cuda.stream);
    watch.stop(cuda.stream);
    return watch.seconds();
  };
  std::vector<double> forward_times, backward_times;
  double total = 0;
  for (int round = -effort.warm_rounds; round < effort.most_rounds; ++round) {
    if (round >= effort.least_rounds && total >= effort.seconds) break;
    // Backward may overwrite what forward has saved, so it follows one each time.
    const double there = run(forward);
    const double back = backward.empty() ? 0 : run(backward);
    if (round < 0) continue;
    total += there + back;
    forward_times.push_back(there);
    backward_times.push_back(back);
  }
  timings.forward = summarise(forward_times, passes, forward.launches());
  if (!backward.empty()) {
    timings.backward = summarise(backward_times, passes, backward.launches());
  }
  EKGINE_CUDA(cudaStreamSynchronize(cuda.stream));
  return timings;
}

}  // namespace ekgine
