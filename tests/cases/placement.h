// The inputs of a case in a device's memory: the one way to place them there, with the one rule for
// their types.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "engine/device.h"
#include "tests/cases/kernel_case.h"

namespace ekgine::testing {

// What an input is stored as on the device: integers as they are, a parameter as Real, an image as
// Image, all else as Scalar.
DType stored_as(const KernelInput& input, const Device& device);

class Placement {
 public:
  // Gives memory of the device for an array.
  using Take = std::function<Tensor(const Shape&, DType)>;

  // Takes memory for every input and, where it is wanted, for its gradient. The case outlives the
  // placement.
  Placement(const KernelCase& c, const Device& device, const std::vector<bool>& wanted,
            const Take& take);

  const std::vector<Tensor>& values() const { return values_; }
  const std::vector<Tensor>& gradients() const { return gradients_; }  // empty where not wanted

  // Writes every input: integers as the case has them, of all others values(number of the input), a
  // vector of floats or doubles.
  template <class Values>
  void write(const Device& device, const Values& values) const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (values_[i].dtype() == DType::i32) {
        device.write(values_[i], std::span(case_.inputs[i].integers));
      } else {
        const auto& drawn = values(i);
        device.write(values_[i], std::span(drawn));
      }
    }
  }

  // The inputs as the op takes them: leaves where a gradient is wanted.
  std::vector<Tensor> on(Tape& tape) const;

 private:
  const KernelCase& case_;
  std::vector<Tensor> values_, gradients_;
};

// What one pass of a case has to do at least, as the ops in it have stated it: by the contracts of
// kernels/NAME.h, at the sizes that elements have on the device.
struct StatedCosts {
  Cost forward, backward;
};
// Of all that has run under the profile.
StatedCosts stated_costs(const Profile& profile);

}  // namespace ekgine::testing
