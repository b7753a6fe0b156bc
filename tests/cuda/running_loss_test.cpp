// Running loss and hits on a CUDA device, real or emulated, against the CPU.
#include "kernels/running_loss.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <vector>

#include "engine/ops.h"
#include "tests/cases/random.h"
#include "tests/support/cuda_case.h"
#include "tests/support/small_device.h"

namespace ekgine::testing {
namespace {

struct LossStep {
  double loss;
  std::vector<float> probabilities;
  std::vector<std::int32_t> labels;
};

kernels::RunningLoss totals_after(Device& device, const std::vector<LossStep>& steps) {
  Tensor memory;
  const std::unique_ptr<Memory> totals_memory = device.allocate(
      "totals",
      {{memory, {static_cast<std::int64_t>(sizeof(kernels::RunningLoss) / 4)}, DType::i32}});
  auto* const totals = reinterpret_cast<kernels::RunningLoss*>(memory.bytes());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const LossStep& step = steps[i];
    const auto rows = std::ssize(step.labels);
    Arena::Plan plan;
    Tape tape(device, Tape::Mode::training, plan, {1, static_cast<std::uint32_t>(i + 1), 0});
    const CrossEntropy cross_entropy{
        tape.input({1}, std::span<const double>(&step.loss, 1)),
        tape.input({rows, std::ssize(step.probabilities) / rows}, step.probabilities)};
    running_loss(tape, cross_entropy, tape.input({rows}, step.labels), totals);
    tape.finish();
  }
  kernels::RunningLoss found;
  device.read_bytes(totals, &found, sizeof found);
  return found;
}

std::vector<LossStep> random_steps(std::int64_t rows, std::int64_t classes) {
  Random random(5);
  std::vector<LossStep> steps(3);
  for (LossStep& step : steps) {
    step.loss = static_cast<float>(random.uniform(0, 3));
    for (std::int64_t i = 0; i < rows * classes; ++i) {
      // Few values, so that some are equal.
      step.probabilities.push_back(static_cast<float>(random.integer(0, 6)));
    }
    for (std::int64_t b = 0; b < rows; ++b) {
      step.labels.push_back(static_cast<std::int32_t>(random.integer(0, classes - 1)));
    }
  }
  return steps;
}

void expect_equal(const kernels::RunningLoss& found, const kernels::RunningLoss& expected) {
  EXPECT_EQ(found.loss, expected.loss);
  EXPECT_EQ(found.correct, expected.correct);
  EXPECT_EQ(found.sequences, expected.sequences);
  EXPECT_EQ(found.failed_step, expected.failed_step);
}

class RunningLossOnCuda : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  }
};

TEST_F(RunningLossOnCuda, EqualsTheCpu) {
  Device cpu = Device::cpu(DType::f32, small_device),
         cuda = Device::cuda(0, DType::f32, small_device);
  for (const std::int64_t rows : {1, 2, 31, 33, 128, 257}) {
    for (const std::int64_t classes : {1, 2, 5}) {
      SCOPED_TRACE(Shape({rows, classes}).text());
      const std::vector<LossStep> steps = random_steps(rows, classes);
      expect_equal(totals_after(cuda, steps), totals_after(cpu, steps));
    }
  }
}

TEST_F(RunningLossOnCuda, StopsAtALossThatIsNotFinite) {
  Device cpu = Device::cpu(DType::f32, small_device),
         cuda = Device::cuda(0, DType::f32, small_device);
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    std::vector<LossStep> steps = random_steps(4, 5);
    steps[1].loss = bad;
    const kernels::RunningLoss found = totals_after(cuda, steps);
    expect_equal(found, totals_after(cpu, steps));
    EXPECT_EQ(found.failed_step, 2U);
    EXPECT_EQ(found.sequences, 4);
  }
}

}  // namespace
}  // namespace ekgine::testing
