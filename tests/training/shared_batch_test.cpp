// Training steps whose batch is shared by ranks, here threads of one process.
#include "engine/shared_batch.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/shared_steps.h"
#include "tests/support/thread_count.h"
#include "tests/support/thread_ranks.h"
#include "training/step.h"

namespace ekgine {
namespace {

using testing::After;
using testing::largest;
using testing::run_ranks;
using testing::shared_settings;
using testing::SharedData;
using testing::small_model;

After after_steps(const ModelConfig& config, std::span<const SharedData> batches, Ranks* ranks,
                  DType type = DType::f64) {
  const testing::ThreadCount one(1);  // in this thread, where this is a rank
  Device device = Device::cpu(type);
  return testing::after_steps(device, config, batches, ranks);
}

// The same on every one of `count` ranks.
std::vector<After> on_ranks(const ModelConfig& config, std::span<const SharedData> batches,
                            int count, DType type = DType::f64) {
  std::vector<After> found(static_cast<std::size_t>(count));
  run_ranks(count, [&](Ranks& ranks) {
    found[static_cast<std::size_t>(ranks.rank())] = after_steps(config, batches, &ranks, type);
  });
  return found;
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected,
                 const std::string& what) {
  ASSERT_EQ(found.size(), expected.size()) << what;
  const double bound = 1e-11 * largest(expected);
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], bound) << what << ", element " << i;
  }
}

void expect_same_step(const After& found, const After& expected, const std::string& what) {
  expect_near(found.gradients, expected.gradients, what + ": gradients");
  expect_near(found.buffers, expected.buffers, what + ": running statistics");
  EXPECT_NEAR(found.totals.loss, expected.totals.loss, 1e-11 * expected.totals.loss) << what;
  EXPECT_EQ(found.totals.correct, expected.totals.correct) << what;
  EXPECT_EQ(found.totals.sequences, expected.totals.sequences) << what;
}

class SharedBatch : public ::testing::TestWithParam<ModelConfig> {};

// Dropout, jitter and noise are on; beats are shared by sequences of several ranks; ranks get
// unequal parts, or, where they are four and sequences three, the whole batch.
TEST_P(SharedBatch, IsThatOfOneProcess) {
  const ModelConfig& config = GetParam();
  for (const std::int64_t sequences : {9, 3}) {
    const std::vector<SharedData> batch = {{config, 11, sequences, 5}};
    const After expected = after_steps(config, batch, nullptr);
    EXPECT_GT(largest(expected.gradients), 1e-3);
    for (const int count : {1, 2, 3, 4}) {
      const std::vector<After> found = on_ranks(config, batch, count);
      const std::string what = fmt::format("{} sequences on {} ranks", sequences, count);
      expect_same_step(found.front(), expected, what);
      for (const After& other : found) {
        EXPECT_EQ(other.gradients, found.front().gradients) << what;
        EXPECT_EQ(other.buffers, found.front().buffers) << what;
        EXPECT_EQ(other.totals.loss, found.front().totals.loss) << what;
      }
    }
  }
}

TEST_P(SharedBatch, OfOneRankHasTheBitsOfNone) {
  for (const DType type : {DType::f32, DType::bf16}) {
    const std::vector<SharedData> batches = {{GetParam(), 11, 9, 5}, {GetParam(), 6, 4, 6}};
    const After expected = after_steps(GetParam(), batches, nullptr, type);
    const After found = on_ranks(GetParam(), batches, 1, type).front();
    EXPECT_EQ(found.weights, expected.weights);
    EXPECT_EQ(found.buffers, expected.buffers);
    EXPECT_EQ(found.totals.loss, expected.totals.loss);
  }
}

TEST_P(SharedBatch, HasTheSameBitsOnAllRanksAndAgain) {
  const std::vector<SharedData> batches = {
      {GetParam(), 11, 9, 5}, {GetParam(), 7, 2, 6}, {GetParam(), 9, 7, 7}};
  const std::vector<After> found = on_ranks(GetParam(), batches, 3, DType::f32);
  const std::vector<After> again = on_ranks(GetParam(), batches, 3, DType::f32);
  for (std::size_t r = 0; r < found.size(); ++r) {
    EXPECT_EQ(found[r].weights, found[0].weights) << "rank " << r;
    EXPECT_EQ(found[r].buffers, found[0].buffers) << "rank " << r;
    EXPECT_EQ(again[r].weights, found[r].weights) << "rank " << r;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SharedBatch, ::testing::ValuesIn(testing::all_models()),
                         testing::model_test_name);

// A loss that is not finite on one rank stops all, and changes nothing.
TEST(SharedBatchLoss, StopsOnAllRanksWhereOneHasALossThatIsNotFinite) {
  const ModelConfig config = small_model("Main_Model");
  run_ranks(3, [&](Ranks& ranks) {
    Device device = Device::cpu(DType::f32);
    Model model(config, device, ParameterSet::Use::training, 1);
    model.set_normalisation(std::vector<double>(beat_samples, 0.1),
                            std::vector<double>(beat_samples, 1.5));
    // Without batch norm's statistics between them a rank's NaN would stay its own.
    TrainingStep::Settings settings = shared_settings(&ranks);
    settings.class_weights[4] = std::nanf("");
    TrainingStep step(model, device, settings);
    SharedData data(config, 11, 9, 5);
    for (std::int32_t& label : data.labels) label = 0;
    data.labels.back() = 4;  // the last rank's
    const std::vector<double> before = device.read(model.parameters().values());
    const std::vector<double> buffers = device.read(model.parameters().buffer_values());
    step.run(data.view(), 1, 1e-3);
    EXPECT_ERROR(step.totals(), "training: the loss is not a number; lower the learning rate");
    EXPECT_EQ(device.read(model.parameters().values()), before) << ranks.rank();
    EXPECT_EQ(device.read(model.parameters().buffer_values()), buffers) << ranks.rank();
  });
}

}  // namespace
}  // namespace ekgine
