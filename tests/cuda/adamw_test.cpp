// AdamW on a CUDA device, real or emulated, against the CPU.
#include "kernels/adamw.h"
#include "engine/back_end.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "engine/device.h"
#include "tests/cases/random.h"
#include "tests/support/cuda_case.h"
#include "tests/support/small_device.h"

namespace ekgine::testing {
namespace {

// Weights, moments and a gradient on one device.
class Arrays {
 public:
  Arrays(const Device& device, std::int64_t n)
      : device_(device),
        n_(n),
        stride_((n + 15) / 16 * 16),
        memory_(device.allocate("adamw", static_cast<std::size_t>(4 * stride_) * 8)) {}

  // 0 gradient, 1 weight, 2 and 3 moments
  Tensor tensor(int which) const {
    const DType type = device_.real_dtype();
    return Tensor::view(memory_->data() + static_cast<std::size_t>(which * stride_) * size_of(type),
                        {n_}, type);
  }

 private:
  const Device& device_;
  std::int64_t n_, stride_;
  std::unique_ptr<Memory> memory_;
};

class AdamWOnCuda : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  }
};

// Weights after `steps` steps, gradients drawn anew for each.
std::vector<double> train(Device& device, std::int64_t n, int steps) {
  Random random(31);
  const Arrays arrays(device, n);
  std::vector<double> start(static_cast<std::size_t>(n)), gradient(start.size());
  for (double& w : start) w = static_cast<float>(random.normal());
  device.write(arrays.tensor(1), std::span<const double>(start));
  for (const int moment : {2, 3}) {
    device.write(arrays.tensor(moment), std::span<const double>(std::vector<double>(start.size())));
  }
  for (int step = 1; step <= steps; ++step) {
    for (double& g : gradient) g = static_cast<float>(std::pow(10, random.uniform(-6, 3)));
    device.write(arrays.tensor(0), std::span<const double>(gradient));
    device.set_step({.number = static_cast<std::uint32_t>(step), .learning_rate = 1e-3 / step});
    device.run([&](auto& b) {
      kernels::adamw(b.context, n, {}, b.real(arrays.tensor(0)), b.real(arrays.tensor(1)),
                     b.real(arrays.tensor(2)), b.real(arrays.tensor(3)));
    });
  }
  return device.read(arrays.tensor(1));
}

TEST_F(AdamWOnCuda, FollowsTheCpuThroughManySteps) {
  Device exact = Device::cpu(DType::f64, small_device),
         single = Device::cpu(DType::f32, small_device);
  Device cuda = Device::cuda(0, DType::f32, small_device);
  for (const std::int64_t n : {1, 3, 4, 127, 1027}) {
    const std::vector<double> expected = train(exact, n, 30), on_cpu = train(single, n, 30),
                              found = train(cuda, n, 30);
    double cpu_error = 0, cuda_error = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      cpu_error = std::max(cpu_error, std::abs(on_cpu[i] - expected[i]));
      cuda_error = std::max(cuda_error, std::abs(found[i] - expected[i]));
    }
    EXPECT_LE(cuda_error, 4 * cpu_error + 1e-6)
        << n << " weights; the CPU's error is " << cpu_error;
    EXPECT_EQ(train(cuda, n, 30), found) << n << " weights, a second time";
  }
}

// √(1 − β₂ᵗ)/(1 − β₁ᵗ) near t = 1 is a quotient of small differences, far out it is 1.
TEST_F(AdamWOnCuda, CorrectsTheBiasAtTheFirstStepAndLateOnes) {
  Device exact = Device::cpu(DType::f64, small_device),
         cuda = Device::cuda(0, DType::f32, small_device);
  for (const int steps : {1, 2}) {
    const std::vector<double> expected = train(exact, 5, steps), found = train(cuda, 5, steps);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(found[i], expected[i], 2e-7 * (1 + std::abs(expected[i])));
    }
  }
}

}  // namespace
}  // namespace ekgine::testing
