// Whole training steps and inference on a CUDA device, real or emulated, against the CPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#if EKGINE_CUDA_EMULATED
#include "emulation/emulation.h"
#endif
#include "tests/cases/random.h"
#include "tests/support/cuda_case.h"
#include "tests/support/expect_error.h"
#include "tests/support/state_distance.h"
#include "training/predict.h"
#include "training/step.h"

namespace ekgine::testing {
namespace {

constexpr std::int64_t beats = 5, sequences = 6;

struct Batch {
  explicit Batch(const ModelConfig& config) : unit(config.input()) {
    Random random(17);
    for (std::int64_t i = 0; i < beats * row_width(unit); ++i) {
      values.push_back(static_cast<float>(random.normal()));
    }
    for (std::int64_t i = 0; i < 3 * sequences; ++i) {
      index.push_back(static_cast<std::int32_t>(random.integer(0, beats - 1)));
    }
    for (std::int64_t i = 0; i < 2 * beat_samples; ++i) {
      typical.push_back(static_cast<float>(random.normal()));
    }
    for (std::int64_t i = 0; i < sequences * config.labels_per_sequence(); ++i) {
      labels.push_back(static_cast<std::int32_t>(random.integer(0, class_count - 1)));
    }
  }
  BeatSpan span() const { return {values, unit}; }
  BatchView view() const { return {span(), ids, index, labels}; }

  BeatUnit unit;
  std::vector<float> values, typical;  // of two records
  std::vector<std::int32_t> ids = {4, 5, 6, 90, 91}, index, labels;
};

// Of an architecture, or of Rhythm_Model with scalograms.
constexpr const char* with_scalograms = "Rhythm_Model_with_scalograms";

ModelConfig tiny(const std::string& name) {
  return {.name = name == with_scalograms ? "Rhythm_Model" : name,
          .embed_dim = 8,
          .num_heads = 2,
          .ff_dim_multiplier = 2,
          .kernel_size = 3,
          .dropout = 0.2,
          .lstm_units = 6,
          .features = name == with_scalograms ? FeatureSet::rhythm_shape_scalogram
                                              : FeatureSet::rhythm_shape};
}

void normalise(Model& model, double nudge = 0) {
  const auto width = static_cast<std::size_t>(row_width(model.config().input()));
  model.set_normalisation(std::vector<double>(width, 0.9 + nudge), std::vector<double>(width, 0.7));
}

struct Trained {
  std::vector<double> losses;
  StateDict state;
  std::vector<float> probabilities;             // of the batch's beats as one recording
  std::vector<std::vector<float>> after_steps;  // these after every step, where asked for
  std::int64_t graphs = 0;
};

// `nudge` moves the mean that inputs are normalised with.
Trained train(Device& device, const ModelConfig& config, int steps, double learning_rate = 1e-3,
              bool after_steps = false, double nudge = 0) {
  Model model(config, device, ParameterSet::Use::training, 1);
  normalise(model, nudge);
  const Batch batch(config);
  TrainingStep::Settings settings{.class_weights = {0.5F, 2, 1, 4, 1},
                                  .seed = 23,
                                  .jitter = {.deviation = 0.25, .shift = 3},
                                  .typical_beats = batch.typical,
                                  .first_beats = {0, 90},
                                  .sequences = sequences,
                                  .beats = beats};
  if (has_features(batch.unit)) {
    settings.jitter = {};
    settings.typical_beats = {};
    settings.first_beats = {};
  }
  if (config.ensemble_size > 1) {
    settings.ema_decay = 0.6;
    model.parameters().keep_average();
  }
  TrainingStep step(model, device, settings);
  Predictor predictor(model, device);
  Trained trained;
  for (int i = 1; i <= steps; ++i) {
    step.set_totals({});
    step.run(batch.view(), i, learning_rate * (i % 2 == 0 ? 0.5 : 1));  // as schedules change it
    trained.losses.push_back(step.totals().loss / static_cast<double>(batch.labels.size()));
    if (after_steps) trained.after_steps.push_back(predictor.predict(batch.span()));
  }
  trained.graphs = step.replay().graphs();
  const AveragedWeights averaged(model.parameters());
  trained.state = model.state();
  trained.probabilities = predictor.predict(batch.span());
  return trained;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  }
  return largest;
}

// Of the probabilities after each step, the mean over the steps: how large it is after one step
// alone is chance, and varies threefold.
double mean_difference(const Trained& a, const Trained& b) {
  EXPECT_EQ(a.after_steps.size(), b.after_steps.size());
  double sum = 0;
  for (std::size_t i = 0; i < std::min(a.after_steps.size(), b.after_steps.size()); ++i) {
    sum += largest_difference(a.after_steps[i], b.after_steps[i]);
  }
  return sum / static_cast<double>(a.after_steps.size());
}

class OnCuda : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  }
};

class CudaTraining : public OnCuda, public ::testing::WithParamInterface<const char*> {};
#if EKGINE_CUDA_EMULATED
class CudaTrainingAnywhere : public CudaTraining {};
#endif
class CudaEnsemble : public OnCuda {};

constexpr int steps = 10;

// Its members, and the moving average of their weights, which is what is looked at.
TEST_F(CudaEnsemble, FollowsTheCpuAndGivesTheSameBitsAgain) {
  ModelConfig config = tiny("Rhythm_Model");
  config.ensemble_size = 2;
  Device exact_device = Device::cpu(DType::f64), float_device = Device::cpu(DType::f32);
  Device cuda_device = Device::cuda(0, DType::f32);
  const Trained exact = train(exact_device, config, steps);
  const Trained on_cpu = train(float_device, config, steps);
  const Trained on_cuda = train(cuda_device, config, steps);
  EXPECT_LE(distance(on_cuda.state, exact.state), 4 * distance(on_cpu.state, exact.state) + 1e-7);
  EXPECT_LE(largest_difference(on_cuda.probabilities, exact.probabilities), 1e-4);
  EXPECT_EQ(on_cuda.graphs, 1);
  const Trained again = train(cuda_device, config, steps);
  EXPECT_EQ(again.probabilities, on_cuda.probabilities);
  EXPECT_EQ(again.losses, on_cuda.losses);
}

// The same Philox bits on both devices, so dropout is no difference. Rounding is: AdamW divides a
// gradient by its own size, so one that is rounding noise moves its weight by the learning rate in
// either direction. How much that comes to, the CPU's float shows against its double.
//
// And of a window's two largest values, a rounding apart, either may be the maximum, and takes the
// gradient: one of the million windows of some steps, and the states part by a hundred times what
// they did before. So for three steps CUDA has to be as near as the CPU is, and after ten as near
// as the CPU comes where its inputs are moved by some units of rounding.
TEST_P(CudaTraining, FollowsTheCpuInFloat) {
  const ModelConfig config = tiny(GetParam());
  Device exact_device = Device::cpu(DType::f64), float_device = Device::cpu(DType::f32);
  Device cuda_device = Device::cuda(0, DType::f32);
#if EKGINE_CUDA_EMULATED
  const StateDict soon = train(exact_device, config, 3).state;
  EXPECT_LE(distance(train(cuda_device, config, 3).state, soon),
            4 * distance(train(float_device, config, 3).state, soon) + 1e-7);
#endif
  const Trained exact = train(exact_device, config, steps, 1e-3, true);
  const Trained on_cuda = train(cuda_device, config, steps, 1e-3, true);
  double state = 0, probabilities = 0;
  for (int i = 0; i <= 12; ++i) {
    const Trained on_cpu = train(float_device, config, steps, 1e-3, true, i * 1e-7);
    state = std::max(state, distance(on_cpu.state, exact.state));
    probabilities = std::max(probabilities, mean_difference(on_cpu, exact));
  }
  EXPECT_LE(distance(on_cuda.state, exact.state), 4 * state + 1e-7);
  for (int i = 0; i < steps; ++i) {
    const auto at = static_cast<std::size_t>(i);
    EXPECT_NEAR(on_cuda.losses[at], exact.losses[at], 1e-5 * (i + 1)) << "step " << i + 1;
  }
  EXPECT_LE(mean_difference(on_cuda, exact), 4 * probabilities + 1e-6);
  // From the second step on, a graph was replayed.
  EXPECT_EQ(on_cuda.graphs, 1);
  // And the steps did something.
  EXPECT_GT(distance(train(float_device, config, 0).state, exact.state),
            100 * distance(on_cuda.state, exact.state));
}

// Also when its kernels are queued one by one instead of replayed as a graph.
TEST_P(CudaTraining, GivesTheSameBitsAgain) {
  const ModelConfig config = tiny(GetParam());
  Device device = Device::cuda(0, DType::f32);
  const Trained replayed = train(device, config, 3);
  ASSERT_EQ(setenv("EKGINE_GRAPH", "0", 1), 0);
  const Trained queued = train(device, config, 3);
  ASSERT_EQ(unsetenv("EKGINE_GRAPH"), 0);
  EXPECT_EQ(replayed.graphs, 1);
  EXPECT_EQ(queued.graphs, 0);
  for (const auto& [name, array] : replayed.state) {
    EXPECT_EQ(array.values, queued.state.at(name).values) << name;
  }
  EXPECT_EQ(replayed.losses, queued.losses);
  EXPECT_EQ(replayed.probabilities, queued.probabilities);
}

#if EKGINE_CUDA_EMULATED
// Work is divided by shapes: a GeForce, an H100 in a card's and in a server's size train the same
// weights, wherever the libraries do.
TEST_P(CudaTrainingAnywhere, GivesTheSameBitsOnAnyNumberOfMultiprocessors) {
  const ModelConfig config = tiny(GetParam());
  for (const DType type : {DType::f32, DType::bf16}) {
    std::vector<Trained> trained;
    for (const int multiprocessors : {132, 114, 20}) {
      emulation::set_multiprocessors(multiprocessors);
      Device device = Device::cuda(0, type);
      trained.push_back(train(device, config, 1));
    }
    emulation::set_multiprocessors(4);
    for (const Trained& other : trained) {
      for (const auto& [name, array] : trained.front().state) {
        EXPECT_EQ(array.values, other.state.at(name).values) << name << " in " << name_of(type);
      }
      EXPECT_EQ(trained.front().losses, other.losses);
      EXPECT_EQ(trained.front().probabilities, other.probabilities);
    }
  }
}
#endif

TEST_P(CudaTraining, LearnsTheSameInTf32) {
  const ModelConfig config = tiny(GetParam());
  Device exact_device = Device::cpu(DType::f64);
  Device cuda_device = Device::cuda(
      0, DType::f32,
      {.activation_reserve = 0, .workspace_reserve = Device::cuda_workspace, .tf32 = true});
  Device float_device = Device::cuda(0, DType::f32);
  const Trained exact = train(exact_device, config, 4, 1e-4);
  const Trained found = train(cuda_device, config, 4, 1e-4);
  // A rounding to TF32 is 2⁻¹¹, a quarter of one to bfloat16, and sums stay in float.
  for (std::size_t i = 0; i < exact.losses.size(); ++i) {
    EXPECT_NEAR(found.losses[i], exact.losses[i], 0.015 * exact.losses[i]) << "step " << i + 1;
  }
  const Trained start = train(exact_device, config, 0);
  EXPECT_LE(distance(found.state, exact.state), 0.5 * distance(start.state, exact.state));
  // And it was not plain float.
  EXPECT_NE(found.losses.front(), train(float_device, config, 1, 1e-4).losses.front());
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

// In a step that is queued, in one that is captured and in one that is replayed; and in steps that
// follow before the host has looked.
TEST_P(CudaTraining, ChangesNothingWhenTheLossIsNotFinite) {
  Device device = Device::cuda(0, DType::f32);
  Model model(tiny(GetParam()), device, ParameterSet::Use::training, 1);
  normalise(model);
  const auto step_with = [&](float class_weight) {
    return TrainingStep(model, device,
                        {.class_weights = std::vector<float>(class_count, class_weight),
                         .sequences = sequences,
                         .beats = beats});
  };
  TrainingStep step = step_with(1);
  Batch batch(model.config());
  int number = 0;
  const auto run = [&](TrainingStep& which) { which.run(batch.view(), ++number, 1e-3); };
  const auto expect_failure = [&](TrainingStep& which, const StateDict& before) {
    const StateDict after = model.state();  // running statistics among it
    for (const auto& [name, array] : before) EXPECT_EQ(after.at(name).values, array.values) << name;
    EXPECT_THROW(which.totals(), Diverged);
    which.set_totals({});
  };
  StateDict before = model.state();
  for (int i = 1; i <= 3; ++i) {
    SCOPED_TRACE("NaN in step " + std::to_string(i));
    const float sound = std::exchange(batch.values[100], std::nanf(""));
    run(step);
    batch.values[100] = sound;
    if (i == 3) run(step);
    expect_failure(step, before);
    run(step);
    const StateDict after = model.state();
    EXPECT_GT(distance(after, before), 0);
    before = after;
  }
  EXPECT_EQ(step.replay().graphs(), 1);

  // Where every layer's statistics are sound, and the loss alone is not.
  TrainingStep unsound = step_with(std::nanf(""));
  for (int i = 1; i <= 3; ++i) {
    SCOPED_TRACE("class weights of NaN, step " + std::to_string(i));
    run(unsound);
    expect_failure(unsound, before);
  }
}

TEST_P(CudaTraining, SaysThatTheLossIsNotFinite) {
  Device device = Device::cuda(0, DType::f32);
  Model model(tiny(GetParam()), device, ParameterSet::Use::training, 1);
  TrainingStep step(model, device,
                    {.class_weights = std::vector<float>(class_count, std::nanf("")),
                     .sequences = sequences,
                     .beats = beats});
  step.run(Batch(model.config()).view(), 1, 1e-3);
  EXPECT_ERROR(step.totals(), "training: the loss is not a number; lower the learning rate");
}

#if EKGINE_CUDA_EMULATED
// Once a step's sizes have come twice, it is copies of the batch's numbers and the launch of a
// graph; nobody waits for it until somebody asks for the loss.
TEST_P(CudaTraining, NeitherWaitsNorAllocatesInAStep) {
  Device device = Device::cuda(0, DType::f32);
  Model model(tiny(GetParam()), device, ParameterSet::Use::training, 1);
  normalise(model);
  const Batch batch(model.config());
  TrainingStep step(model, device,
                    {.class_weights = std::vector<float>(class_count, 1.0F),
                     .jitter = {.deviation = has_features(batch.unit) ? 0 : 0.25},
                     .sequences = sequences,
                     .beats = beats,
                     .resident_beats = batch.span()});
  const std::vector<std::int32_t> numbers = {0, 1, 2, 3, 4};
  const auto run = [&](int i) { step.run({{}, numbers, batch.index, batch.labels}, i, 1e-3 / i); };
  run(1);
  const emulation::HostCounters first = emulation::host_counters();
  run(2);
  const emulation::HostCounters captured = emulation::host_counters();
  for (int i = 3; i <= 10; ++i) run(i);
  const emulation::HostCounters last = emulation::host_counters();
  EXPECT_EQ(last.waits, first.waits);
  EXPECT_EQ(last.allocations, first.allocations);
  EXPECT_EQ(last.launches, captured.launches);
  EXPECT_EQ(last.graphs - first.graphs, 9U);
  EXPECT_EQ(step.totals().sequences, 10 * std::ssize(batch.labels));
  EXPECT_GT(emulation::host_counters().waits, last.waits);
}

// A recording goes to the device at once and its probabilities come back at once.
TEST_P(CudaTraining, WaitsOnceForARecording) {
  Device device = Device::cuda(0, DType::f32);
  Model model(tiny(GetParam()), device, ParameterSet::Use::inference, 1);
  normalise(model);
  Predictor predictor(model, device);
  const Batch batch(model.config());
  const std::vector<float> expected = predictor.predict(batch.span());
  EXPECT_EQ(predictor.predict(batch.span()), expected);
  const emulation::HostCounters before = emulation::host_counters();
  EXPECT_EQ(predictor.predict(batch.span()), expected);
  const emulation::HostCounters after = emulation::host_counters();
  EXPECT_EQ(after.waits - before.waits, 1U);
  EXPECT_EQ(after.launches, before.launches);
  EXPECT_EQ(after.graphs - before.graphs, 2U);
}
#endif

#if EKGINE_CUDA_EMULATED
INSTANTIATE_TEST_SUITE_P(Models, CudaTrainingAnywhere,
                         ::testing::Values("Main_Model", "CNNLSTM_Model", with_scalograms),
                         [](const auto& test) { return std::string(test.param); });
#endif
INSTANTIATE_TEST_SUITE_P(Models, CudaTraining,
                         ::testing::Values("Main_Model", "AttentionOnly", "CNNLSTM_Model",
                                           "Baseline_Model", "Rhythm_Model", with_scalograms),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace ekgine::testing
