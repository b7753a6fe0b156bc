// NCCL on one device, real or emulated: a rank that is alone. What several do is in
// tests/cuda/shared_batch_test.cpp, and what goes wrong between them in
// tests/emulation/nccl_test.cpp and tests/cuda/program_test.cpp.
#include "kernels/runtime/cuda_communicator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/runtime/cuda_device.h"
#include "tests/support/cuda_case.h"
#include "tests/support/expect_error.h"

namespace ekgine::testing {
namespace {

class CudaCommunicatorOfOne : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
    if (CudaCommunicator::library().empty()) GTEST_SKIP() << "this build has no NCCL";
    device_ = std::make_unique<CudaDevice>(0, std::size_t{1} << 16);
    device_->join(CudaCommunicator::new_id(), 0, 1, std::chrono::seconds(30));
    memory_ = device_->allocate("values", 3 * n * sizeof(float));
    for (int i = 0; i < n; ++i) values_.push_back(0.1F * static_cast<float>(i));
    device_->write(array(0), values_.data(), n * sizeof(float));
  }
  float* array(int number) const {
    return reinterpret_cast<float*>(memory_->data()) + std::ptrdiff_t{number} * n;
  }
  std::vector<float> read(int number) const {
    std::vector<float> values(n);
    device_->read(array(number), values.data(), n * sizeof(float));
    return values;
  }
  // A sum in place, all pieces from 0 to 1, and the sum of the pieces from 1 to 2.
  void exchange() const {
    CudaCommunicator& with = *device_->context().communicator;
    with.sum(n, array(0));
    with.gather(std::array{std::int64_t{n * sizeof(float)}}, array(0), array(1));
    with.sum_pieces(std::array{std::int64_t{n}}, array(1), array(2));
  }

  static constexpr int n = 1000;
  std::unique_ptr<CudaDevice> device_;
  std::unique_ptr<Memory> memory_;
  std::vector<float> values_;
};

TEST_F(CudaCommunicatorOfOne, GetsItsOwn) {
  exchange();
  for (int number = 0; number < 3; ++number) EXPECT_EQ(read(number), values_);
}

TEST_F(CudaCommunicatorOfOne, IsCapturedIntoAGraphAndReplayed) {
  exchange();  // a device's first one is not captured
  device_->wait();
  const auto graph = device_->capture([&] { exchange(); });
  for (int i = 1; i <= 3; ++i) {
    for (float& value : values_) value += 1;
    device_->write(array(0), values_.data(), n * sizeof(float));
    device_->launch(*graph);
    for (int number = 0; number < 3; ++number) EXPECT_EQ(read(number), values_);
  }
}

TEST_F(CudaCommunicatorOfOne, CallsTogetherAreOneLaunchOrAnError) {
  CudaCommunicator& with = *device_->context().communicator;
  with.together([&] {
    with.sum(n, array(0));
    with.gather(std::array{std::int64_t{n * sizeof(float)}}, array(0), array(1));
  });
  EXPECT_EQ(read(1), values_);
  EXPECT_ERROR(with.together([] { fail("no"); }), "no");
  with.sum(n, array(0));
  EXPECT_EQ(read(0), values_);
}

TEST_F(CudaCommunicatorOfOne, NamesItsLibrary) {
  EXPECT_THAT(CudaCommunicator::library(),
              ::testing::MatchesRegex("NCCL [0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace ekgine::testing
