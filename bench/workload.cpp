#include "bench/workload.h"

#include <algorithm>
#include <span>

namespace ekgine {

namespace {

using testing::KernelCase;
using testing::KernelInput;

constexpr std::int64_t alignment = 256;  // of cudaMalloc
std::int64_t padded(std::int64_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}
std::int64_t padded_bytes(const Shape& shape, DType type) {
  return padded(shape.size() * static_cast<std::int64_t>(size_of(type)));
}

// Values are drawn once and repeated: drawing millions would take longer than the measurement.
// After a prime, so that rows are not alike; those of no two inputs are, either. (Attention among a
// few rows over and over has gradients that are what rounding leaves.)
std::vector<float> draw(const KernelInput& input, std::uint64_t seed) {
  testing::Random random(seed);
  std::vector<float> values(static_cast<std::size_t>(input.shape.size()));
  const std::size_t pool = std::min<std::size_t>(4099, values.size());
  for (std::size_t i = 0; i < pool; ++i) {
    values[i] = static_cast<float>(input.draw ? input.draw(random) : random.normal());
  }
  for (std::size_t i = pool; i < values.size(); ++i) values[i] = values[i - pool];
  return values;
}

}  // namespace

std::int64_t Workload::bytes(const Device& device, const KernelCase& c,
                             const Footprint& footprint) {
  std::int64_t bytes = padded_bytes(footprint.output, footprint.output_type);
  const testing::Placement counted(c, device, differentiable_inputs(c),
                                   [&](const Shape& shape, DType type) {
                                     bytes += padded_bytes(shape, type);
                                     return Tensor();
                                   });
  return bytes;
}

Workload::Workload(Device& device, const KernelCase& c, const Footprint& footprint)
    : case_(&c),
      memory_(device.allocate("arrays of a benchmark",
                              static_cast<std::size_t>(bytes(device, c, footprint)))),
      placement_(c, device, differentiable_inputs(c),
                 [next = memory_->data()](const Shape& shape, DType type) mutable {
                   Tensor tensor = Tensor::view(next, shape, type);
                   next += padded_bytes(shape, type);
                   return tensor;
                 }) {
  std::byte* const end = memory_->data() + bytes(device, c, footprint);
  cotangent_ = Tensor::view(end - padded_bytes(footprint.output, footprint.output_type),
                            footprint.output, footprint.output_type);
}

void Workload::write(const Device& device) const {
  placement_.write(device, [&](std::size_t i) { return draw(case_->inputs[i], 2 + i); });
  const std::vector<float> cotangent = draw({.shape = cotangent_.shape()}, 1);
  device.write(cotangent_, std::span(cotangent));
}

Pass::Pass(Device& device, Workload& workload, std::int64_t skip, bool dry)
    : workload_(workload),
      tape_(device, Tape::Mode::training, workload.plan_, {.seed = 1, .step = 1, .op = 0}, dry) {
  if (skip > 0) {
    skipped_ = tape_.empty(Shape{skip / static_cast<std::int64_t>(sizeof(float))}, DType::f32);
  }
  inputs_ = workload.placement_.on(tape_);
}

void Pass::finish() {
  y_ = Tensor();
  inputs_.clear();
  skipped_ = Tensor();
  tape_.finish();
}

Footprint measure_footprint(Device& device, const KernelCase& c) {
  Workload workload(device, c, {});
  Pass pass(device, workload, 0, true);
  pass.forward();
  Footprint footprint{pass.output().shape(), pass.output().dtype(), pass.differentiable()};
  if (footprint.differentiable) {
    // Nothing is read, and nothing written.
    workload.cotangent_ = Tensor::view(workload.memory(), footprint.output, footprint.output_type);
    pass.backward();
  }
  pass.finish();
  footprint.activations = padded(static_cast<std::int64_t>(workload.plan_.bytes()));
  return footprint;
}

}  // namespace ekgine
