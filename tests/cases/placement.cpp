#include "tests/cases/placement.h"

namespace ekgine::testing {

std::vector<bool> differentiable_inputs(const KernelCase& c) {
  std::vector<bool> differentiable;
  for (const KernelInput& input : c.inputs) {
    differentiable.push_back(input.differentiable && input.integers.empty());
  }
  return differentiable;
}

DType stored_as(const KernelInput& input, const Device& device) {
  if (!input.integers.empty()) return DType::i32;
  if (input.parameter) return device.real_dtype();
  return input.image ? device.image_dtype() : device.dtype();
}

Placement::Placement(const KernelCase& c, const Device& device, const std::vector<bool>& wanted,
                     const Take& take)
    : case_(c) {
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const KernelInput& input = c.inputs[i];
    const DType type = stored_as(input, device);
    values_.push_back(take(input.shape, type));
    gradients_.push_back(wanted[i] ? take(input.shape, type) : Tensor());
  }
}

std::vector<Tensor> Placement::on(Tape& tape) const {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    inputs.push_back(gradients_[i] ? tape.leaf(values_[i], gradients_[i]) : values_[i]);
  }
  return inputs;
}

StatedCosts stated_costs(const Profile& profile) {
  StatedCosts costs;
  for (const Profile::Row& row : profile.rows()) {
    Cost& cost = row.phase == Phase::backward ? costs.backward : costs.forward;
    cost.flops += row.cost.flops;
    cost.bytes += row.cost.bytes;
  }
  return costs;
}

}  // namespace ekgine::testing
