// Whole training steps and inference on a CUDA device, real or emulated, against the CPU.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "tests/support/cuda_case.h"
#include "tests/support/random.h"
#include "training/predict.h"
#include "training/step.h"

namespace ekgine::testing {
namespace {

constexpr std::int64_t beats = 5, sequences = 6;

struct Batch {
  Batch() {
    Random random(17);
    for (std::int64_t i = 0; i < beats * beat_samples; ++i) {
      values.push_back(static_cast<float>(random.normal()));
    }
    for (std::int64_t i = 0; i < 3 * sequences; ++i) {
      index.push_back(static_cast<std::int32_t>(random.integer(0, beats - 1)));
    }
    for (std::int64_t i = 0; i < sequences; ++i) {
      labels.push_back(static_cast<std::int32_t>(random.integer(0, class_count - 1)));
    }
  }
  BatchView view() const { return {values, index, labels}; }

  std::vector<float> values;
  std::vector<std::int32_t> index, labels;
};

ModelConfig tiny(const std::string& name) {
  return {.name = name,
          .embed_dim = 8,
          .num_heads = 2,
          .ff_dim_multiplier = 2,
          .kernel_size = 3,
          .dropout = 0.2,
          .lstm_units = 6};
}

struct Trained {
  std::vector<double> losses;
  StateDict state;
  std::vector<float> probabilities;  // of the batch's beats as one recording
};

Trained train(Device& device, const ModelConfig& config, int steps, double learning_rate = 1e-3) {
  Model model(config, device, ParameterSet::Use::training, 1);
  model.set_normalisation(std::vector<double>(beat_samples, 0.9),
                          std::vector<double>(beat_samples, 0.7));
  const std::array<float, class_count> weights = {0.5F, 2, 1, 4, 1};
  TrainingStep step(model, device, weights, 23, sequences, beats);
  Predictor predictor(model, device);
  const Batch batch;
  Trained trained;
  for (int i = 1; i <= steps; ++i) {
    trained.losses.push_back(step.run(batch.view(), i, {.learning_rate = learning_rate}).loss);
  }
  trained.state = model.state();
  trained.probabilities = predictor.predict(batch.values);
  return trained;
}

// Root of the mean squared difference of all weights and running statistics.
double distance(const StateDict& a, const StateDict& b) {
  double sum = 0, count = 0;
  for (const auto& [name, array] : a) {
    const std::vector<float>& other = b.at(name).values;
    for (std::size_t i = 0; i < other.size(); ++i) {
      const double d = static_cast<double>(array.values[i]) - other[i];
      sum += d * d;
      ++count;
    }
  }
  return std::sqrt(sum / count);
}

class CudaTraining : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  }
};

constexpr int steps = 10;

// The same Philox bits on both devices, so dropout is no difference. Rounding is: AdamW divides a
// gradient by its own size, so one that is rounding noise moves its weight by the learning rate in
// either direction. How much that comes to, the CPU's float shows against its double.
TEST_P(CudaTraining, FollowsTheCpuInFloat) {
  const ModelConfig config = tiny(GetParam());
  Device exact_device = Device::cpu(DType::f64), float_device = Device::cpu(DType::f32);
  Device cuda_device = Device::cuda(0, DType::f32);
  const Trained exact = train(exact_device, config, steps);
  const Trained on_cpu = train(float_device, config, steps);
  const Trained on_cuda = train(cuda_device, config, steps);
  EXPECT_LE(distance(on_cuda.state, exact.state), 4 * distance(on_cpu.state, exact.state) + 1e-7);
  for (int i = 0; i < steps; ++i) {
    const auto at = static_cast<std::size_t>(i);
    EXPECT_NEAR(on_cuda.losses[at], exact.losses[at], 1e-5 * (i + 1)) << "step " << i + 1;
  }
  ASSERT_EQ(on_cuda.probabilities.size(), exact.probabilities.size());
  for (std::size_t i = 0; i < exact.probabilities.size(); ++i) {
    EXPECT_NEAR(on_cuda.probabilities[i], exact.probabilities[i], 1e-4);
  }
  // And the steps did something.
  EXPECT_GT(distance(train(float_device, config, 0).state, exact.state),
            100 * distance(on_cuda.state, exact.state));
}

TEST_P(CudaTraining, GivesTheSameBitsAgain) {
  const ModelConfig config = tiny(GetParam());
  Device device = Device::cuda(0, DType::f32);
  const Trained first = train(device, config, 3), second = train(device, config, 3);
  for (const auto& [name, array] : first.state) {
    EXPECT_EQ(array.values, second.state.at(name).values) << name;
  }
  EXPECT_EQ(first.probabilities, second.probabilities);
}

TEST_P(CudaTraining, LearnsTheSameInBfloat16) {
  const ModelConfig config = tiny(GetParam());
  Device exact_device = Device::cpu(DType::f64), cuda_device = Device::cuda(0, DType::bf16);
  // Slowly: AdamW turns a rounded sign into a step of the learning rate, and batch norm of a
  // handful of beats turns steps into other losses.
  const Trained exact = train(exact_device, config, steps, 1e-4);
  const Trained found = train(cuda_device, config, steps, 1e-4);
  // A rounding to bfloat16 is 2⁻⁹; a loss is made of logits after some thirty of them.
  for (std::size_t i = 0; i < exact.losses.size(); ++i) {
    EXPECT_NEAR(found.losses[i], exact.losses[i], 0.06 * exact.losses[i]) << "step " << i + 1;
  }
  // The weights went the same way.
  const Trained start = train(exact_device, config, 0);
  EXPECT_LE(distance(found.state, exact.state), 0.5 * distance(start.state, exact.state));
}

INSTANTIATE_TEST_SUITE_P(Models, CudaTraining,
                         ::testing::Values("Main_Model", "AttentionOnly", "CNNLSTM_Model",
                                           "Baseline_Model"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace ekgine::testing
