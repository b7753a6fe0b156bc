#include "tests/support/double_step.h"

#include <cmath>

namespace ekgine::testing {

Arrays double_step(const std::vector<KernelInput>& inputs, const OpFunction& op,
                   const Change& change, std::size_t* memory) {
  Random random(5);
  Arrays values;
  for (const KernelInput& input : inputs) {
    auto& v = values.emplace_back(static_cast<std::size_t>(input.shape.size()));
    for (double& x : v) x = input.draw ? input.draw(random) : random.normal();
  }
  if (change) change(values[0]);
  Arrays gradients = values;
  Device device = Device::cpu(DType::f64, {.activation_reserve = std::size_t{1} << 30,
                                           .workspace_reserve = std::size_t{1} << 30,
                                           .guarded = true});
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::training, plan);
  std::vector<Tensor> in;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    in.push_back(Tensor::view(values[i].data(), inputs[i].shape, DType::f64));
    if (!inputs[i].differentiable) continue;
    in.back() =
        tape.leaf(in.back(), Tensor::view(gradients[i].data(), inputs[i].shape, DType::f64));
  }
  Tensor y = op(tape, in);
  std::vector<double> seed(static_cast<std::size_t>(y.size()));
  for (double& v : seed) v = random.normal();
  Arrays result{{y.span<double>().begin(), y.span<double>().end()}};
  tape.backward(y, Tensor::view(seed.data(), y.shape(), DType::f64));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    result.push_back(inputs[i].differentiable ? gradients[i] : values[i]);
  }
  y = Tensor();
  tape.finish();
  EXPECT_EQ(device.activations().faults(), 0);
  if (memory != nullptr) *memory = plan.bytes();
  return result;
}

void expect_equal(const Arrays& found, const Arrays& expected,
                  const std::vector<std::string>& names, const std::string& what) {
  ASSERT_EQ(found.size(), names.size());
  ASSERT_EQ(expected.size(), names.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].size(), expected[i].size()) << names[i] << " of " << what;
    for (std::size_t k = 0; k < found[i].size(); ++k) {
      if (std::isnan(found[i][k]) && std::isnan(expected[i][k])) continue;
      EXPECT_NEAR(found[i][k], expected[i][k], 1e-12)
          << names[i] << " of " << what << ", element " << k;
    }
  }
}

}  // namespace ekgine::testing
