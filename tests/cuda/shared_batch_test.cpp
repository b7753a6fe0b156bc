// Training steps whose batch is shared by ranks, each a process with a CUDA device of its own.
#include "engine/shared_batch.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "engine/rank_devices.h"
#include "kernels/runtime/cuda_device.h"
#include "tests/support/process_ranks.h"
#include "tests/support/shared_steps.h"
#include "tests/support/thread_count.h"

namespace ekgine::testing {
namespace {

constexpr int most_ranks = 4;
constexpr double float_rounding = 0x1p-23;

// Results travel between processes as bytes.
void append(std::string& text, const std::vector<double>& values) {
  const std::size_t count = values.size();
  text.append(reinterpret_cast<const char*>(&count), sizeof count);
  text.append(reinterpret_cast<const char*>(values.data()), count * sizeof(double));
}
std::vector<double> take(const std::string& text, std::size_t& place) {
  std::size_t count = 0;
  std::memcpy(&count, text.data() + place, sizeof count);
  place += sizeof count;
  std::vector<double> values(count);
  std::memcpy(values.data(), text.data() + place, count * sizeof(double));
  place += count * sizeof(double);
  return values;
}
std::string to_bytes(const After& after) {
  std::string text;
  append(text, after.gradients);
  append(text, after.buffers);
  append(text, after.weights);
  append(text, {after.totals.loss, static_cast<double>(after.totals.correct),
                static_cast<double>(after.totals.sequences)});
  return text;
}
After from_bytes(const std::string& text) {
  std::size_t place = 0;
  After after;
  after.gradients = take(text, place);
  after.buffers = take(text, place);
  after.weights = take(text, place);
  const std::vector<double> totals = take(text, place);
  after.totals.loss = totals[0];
  after.totals.correct = static_cast<std::int64_t>(totals[1]);
  after.totals.sequences = static_cast<std::int64_t>(totals[2]);
  return after;
}

struct Case {
  ModelConfig model;
  DType type = DType::f32;
};

// What the steps leave on every rank of `count`; 0: of a process by itself.
std::vector<After> on_devices(const Case& c, const std::vector<SharedData>& batches, int count) {
  const auto texts = in_processes(std::max(count, 1), [&](Ranks& ranks) {
    Device device =
        Device::cuda(ranks.rank(), c.type,
                     {.activation_reserve = 0, .workspace_reserve = std::size_t{64} << 20});
    device.join(ranks);
    return to_bytes(after_steps(device, c.model, batches, count == 0 ? nullptr : &ranks));
  });
  std::vector<After> found;
  found.reserve(texts.size());
  for (const std::string& text : texts) found.push_back(from_bytes(text));
  return found;
}

After on_cpu(const Case& c, const std::vector<SharedData>& batches) {
  return from_bytes(in_processes(1, [&](Ranks&) {
                      const ThreadCount one(1);
                      Device device = Device::cpu(DType::f64);
                      return to_bytes(after_steps(device, c.model, batches, nullptr));
                    }).front());
}

double relative_distance(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most / largest(b);
}

class CudaSharedBatch : public ::testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() {
#if EKGINE_CUDA_EMULATED
    ::setenv("EKGINE_EMULATED_DEVICES", std::to_string(most_ranks).c_str(), 1);
#endif
  }
  static void TearDownTestSuite() {
    ::unsetenv("EKGINE_EMULATED_DEVICES");
  }
  void SetUp() override {
    // Asked in a child: a process that has used CUDA has no children that do.
    const std::string devices =
        in_processes(1, [](Ranks&) { return std::to_string(CudaDevice::count()); }).front();
    devices_ = std::stoi(devices);
    if (devices_ < 2) GTEST_SKIP() << "two GPUs are needed, there are " << devices;
    if (device_ranks_library().empty()) GTEST_SKIP() << "this build has no NCCL";
  }

  int devices_ = 0;
};

// Dropout, jitter and noise are on; ranks get unequal parts, or, where they are four and sequences
// three, the whole batch. What separates it from one device, and from the CPU in double, is
// rounding: no more than a few times what one device's rounding does.
TEST_P(CudaSharedBatch, IsThatOfOneDevice) {
  for (const std::int64_t sequences : {9, 3}) {
    const std::vector<SharedData> batch = {{GetParam().model, 11, sequences, 5}};
    const After exact = on_cpu(GetParam(), batch);
    const After one = on_devices(GetParam(), batch, 0).front();
    for (const int count : {1, 2, most_ranks}) {
      // The emulated device is slow: the other models have what matters at two ranks.
      if (count > devices_ || (count != 2 && GetParam().model.name != "Main_Model")) continue;
      const std::vector<After> found = on_devices(GetParam(), batch, count);
      const std::string what = fmt::format("{} sequences on {} ranks", sequences, count);
      const After& first = found.front();
      if (count == 1 || sequences < count) {
        EXPECT_EQ(first.gradients, one.gradients) << what;
        EXPECT_EQ(first.buffers, one.buffers) << what;
      }
      EXPECT_LE(relative_distance(first.gradients, exact.gradients),
                3 * relative_distance(one.gradients, exact.gradients) + float_rounding)
          << what;
      EXPECT_LE(relative_distance(first.buffers, exact.buffers),
                3 * relative_distance(one.buffers, exact.buffers) + float_rounding)
          << what;
      EXPECT_NEAR(first.totals.loss, exact.totals.loss,
                  3 * std::abs(one.totals.loss - exact.totals.loss) + 1e-6 * exact.totals.loss)
          << what;
      EXPECT_EQ(first.totals.correct, one.totals.correct) << what;
      EXPECT_EQ(first.totals.sequences, one.totals.sequences) << what;
      for (const After& other : found) {
        EXPECT_EQ(other.gradients, first.gradients) << what;
        EXPECT_EQ(other.buffers, first.buffers) << what;
        EXPECT_EQ(other.weights, first.weights) << what;
        EXPECT_EQ(other.totals.loss, first.totals.loss) << what;
      }
    }
  }
}

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.model.name;
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const ModelConfig& model : all_models()) cases.push_back({model, DType::f32});
  cases.push_back({small_model("Main_Model"), DType::bf16});
  return cases;
}

std::string case_name(const ::testing::TestParamInfo<Case>& of) {
  return model_test_name({of.param.model, 0}) + (of.param.type == DType::bf16 ? "_bf16" : "");
}

INSTANTIATE_TEST_SUITE_P(Models, CudaSharedBatch, ::testing::ValuesIn(all_cases()), case_name);

class CudaSharedSteps : public CudaSharedBatch {};

// The second and third batch of a size are a captured graph and its replay.
TEST_P(CudaSharedSteps, HaveTheSameBitsByGraphAndAgain) {
  const std::vector<SharedData> batches = {{GetParam().model, 6, 4, 5},
                                           {GetParam().model, 5, 1, 6},
                                           {GetParam().model, 6, 4, 7},
                                           {GetParam().model, 6, 4, 8}};
  const After found = on_devices(GetParam(), batches, 2).front();
  EXPECT_EQ(on_devices(GetParam(), batches, 2).front().weights, found.weights);
  ::setenv("EKGINE_GRAPH", "0", 1);
  EXPECT_EQ(on_devices(GetParam(), batches, 2).front().weights, found.weights);
  ::unsetenv("EKGINE_GRAPH");
}

// The emulated device is slow, and the others capture no other collectives.
INSTANTIATE_TEST_SUITE_P(Models, CudaSharedSteps,
                         ::testing::Values(Case{small_model("Main_Model"), DType::bf16},
                                           Case{small_model("Rhythm_Model"), DType::f32}),
                         case_name);

}  // namespace
}  // namespace ekgine::testing
