#include "emulation/streams.h"

#include <cuda_runtime_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "emulation/device_memory.h"
#include "emulation/emulation.h"
#include "tests/emulation/probe_kernels.h"

namespace ekgine::emulation {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr int n = 64;
constexpr std::size_t bytes = n * sizeof(float);

std::string line_marked(const std::string& name) {
  std::ifstream source(std::string(EKGINE_SOURCE_DIR) + "/tests/emulation/streams_test.cpp");
  std::string line;
  for (int number = 1; std::getline(source, line); ++number) {
    if (line.ends_with("// planted: " + name)) {
      return "tests/emulation/streams_test.cpp:" + std::to_string(number);
    }
  }
  return "no line marked " + name;
}

class Streams : public ::testing::Test {
 protected:
  Streams() {
    EXPECT_EQ(cudaStreamCreateWithFlags(&a_, cudaStreamNonBlocking), cudaSuccess);
    EXPECT_EQ(cudaStreamCreateWithFlags(&b_, cudaStreamNonBlocking), cudaSuccess);
    EXPECT_EQ(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), cudaSuccess);
    EXPECT_EQ(cudaMallocHost(reinterpret_cast<void**>(&pinned_), bytes), cudaSuccess);
    std::memset(pinned_, 0, bytes);
  }
  ~Streams() override {
    EXPECT_THAT(take_faults(), IsEmpty());
    reset_device();
    EXPECT_EQ(cudaStreamDestroy(a_), cudaSuccess);
    EXPECT_EQ(cudaStreamDestroy(b_), cudaSuccess);
    EXPECT_EQ(cudaEventDestroy(event_), cudaSuccess);
    EXPECT_EQ(cudaFreeHost(pinned_), cudaSuccess);
    set_seed(0);
  }
  cudaError_t increment(cudaStream_t stream) {
    return probe_increment(x_.data(), x_.data(), n, stream);
  }
  const DeviceArray<float> x_{std::vector<float>(n)};
  cudaStream_t a_ = nullptr, b_ = nullptr;
  cudaEvent_t event_ = nullptr;
  float* pinned_ = nullptr;
};

TEST_F(Streams, WorkIsDoneWhenSomebodyWaitsForIt) {
  ASSERT_EQ(increment(a_), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(pinned_, x_.data(), bytes, cudaMemcpyDeviceToHost, a_), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(a_), cudaErrorNotReady);
  EXPECT_EQ(pinned_[0], 0);
  ASSERT_EQ(cudaEventRecord(event_, a_), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(event_), cudaErrorNotReady);
  ASSERT_EQ(cudaEventSynchronize(event_), cudaSuccess);
  EXPECT_EQ(cudaEventQuery(event_), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(a_), cudaSuccess);
  EXPECT_EQ(pinned_[n - 1], 1);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_F(Streams, EventsOrderThem) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    set_seed(seed);
    ASSERT_EQ(cudaMemset(x_.data(), 0, bytes), cudaSuccess);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    ASSERT_EQ(increment(a_), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(event_, a_), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(b_, event_, 0), cudaSuccess);
    ASSERT_EQ(increment(b_), cudaSuccess);
    ASSERT_EQ(cudaMemcpyAsync(pinned_, x_.data(), bytes, cudaMemcpyDeviceToHost, b_), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(b_), cudaSuccess);
    EXPECT_EQ(pinned_[5], 2);
    EXPECT_THAT(take_faults(), IsEmpty());
  }
}

TEST_F(Streams, TheHostOrdersThem) {
  ASSERT_EQ(increment(a_), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(a_), cudaSuccess);
  ASSERT_EQ(increment(b_), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(event_, b_), cudaSuccess);
  ASSERT_EQ(cudaEventSynchronize(event_), cudaSuccess);
  ASSERT_EQ(increment(a_), cudaSuccess);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_THAT(x_.host(), Each(3.0F));
}

TEST_F(Streams, TheLegacyStreamOrdersBlockingStreams) {
  cudaStream_t blocking = nullptr;
  ASSERT_EQ(cudaStreamCreate(&blocking), cudaSuccess);
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    set_seed(seed);
    ASSERT_EQ(increment(blocking), cudaSuccess);
    ASSERT_EQ(increment(nullptr), cudaSuccess);
    ASSERT_EQ(increment(blocking), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(blocking), cudaSuccess);
    EXPECT_THAT(x_.host(), Each(3.0F * static_cast<float>(seed + 1)));
  }
  EXPECT_EQ(cudaStreamDestroy(blocking), cudaSuccess);
}

// --------------------------------------------------------------------------- missing event waits

#define NEEDS_CHECKER() \
  if (!checks_accesses()) GTEST_SKIP() << "these kernels are not compiled for the checker"

TEST_F(Streams, MissingWaitBetweenKernelsIsReported) {
  NEEDS_CHECKER();
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    set_seed(seed);
    ASSERT_EQ(increment(a_), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(event_, a_), cudaSuccess);
    ASSERT_EQ(increment(b_), cudaSuccess);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_THAT(take_faults(),
                Contains(AllOf(StartsWith("race between operations: kernel increment"),
                               HasSubstr("tests/emulation/probe_kernels.cu:"),
                               HasSubstr("that increment wrote at"))));
  }
}

TEST_F(Streams, MissingWaitBeforeACopyIsReportedWithItsLine) {
  NEEDS_CHECKER();
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    set_seed(seed);
    ASSERT_EQ(increment(a_), cudaSuccess);
    cudaMemcpyAsync(pinned_, x_.data(), bytes, cudaMemcpyDeviceToHost, b_);  // planted: copy
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_THAT(take_faults(),
                Contains(AllOf(StartsWith("race between operations: "),
                               HasSubstr("cudaMemcpyAsync device to host"), HasSubstr("increment"),
                               HasSubstr(line_marked("copy")))));
  }
}

TEST_F(Streams, OverwritingWhatAnotherStreamReadsIsReported) {
  NEEDS_CHECKER();
  const DeviceArray<float> y{std::vector<float>(n)};
  ASSERT_EQ(probe_increment(x_.data(), y.data(), n, a_), cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(x_.data(), 0, bytes, b_), cudaSuccess);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_THAT(take_faults(), Contains(HasSubstr("that increment read at")));
}

TEST_F(Streams, ReadingTheSameMemoryIsNoRace) {
  const DeviceArray<float> y{std::vector<float>(n)}, z{std::vector<float>(n)};
  ASSERT_EQ(probe_increment(x_.data(), y.data(), n, a_), cudaSuccess);
  ASSERT_EQ(probe_increment(x_.data(), z.data(), n, b_), cudaSuccess);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_THAT(take_faults(), IsEmpty());
}

// ------------------------------------------------------------------------------------------ copies

TEST_F(Streams, CopiesCheckWhatTheyAreGiven) {
  std::vector<float> host(n);
  const auto refused = [&](void* to, const void* from, std::size_t size, cudaMemcpyKind kind,
                           const std::string& why) {
    EXPECT_EQ(cudaMemcpy(to, from, size, kind), cudaErrorInvalidValue);
    EXPECT_THAT(take_faults(), Contains(HasSubstr(why)));
    EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  };
  refused(host.data(), x_.data(), bytes, cudaMemcpyHostToDevice,
          "destination of 256 bytes should be device memory and is host memory");
  refused(x_.data(), x_.data(), bytes, cudaMemcpyHostToDevice,
          "source of 256 bytes should be host");
  refused(host.data(), x_.data(), bytes + 4, cudaMemcpyDeviceToHost,
          "source of 260 bytes should be device memory and is byte 0 of 256 bytes");
  refused(host.data(), host.data(), bytes, cudaMemcpyDeviceToDevice, "should be device");
  EXPECT_EQ(cudaMemcpy(host.data(), x_.data(), bytes, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(cudaMemset(host.data(), 0, bytes), cudaErrorInvalidValue);
  EXPECT_THAT(take_faults(), Contains(HasSubstr("cudaMemset")));
}

TEST_F(Streams, PageableCopiesAreDoneWhenTheyReturn) {
  std::vector<float> host(n, 4);
  ASSERT_EQ(cudaMemcpyAsync(x_.data(), host.data(), bytes, cudaMemcpyHostToDevice, a_),
            cudaSuccess);
  host.assign(n, 0);
  ASSERT_EQ(increment(a_), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(host.data(), x_.data(), bytes, cudaMemcpyDeviceToHost, a_),
            cudaSuccess);
  EXPECT_THAT(host, Each(5.0F));
}

TEST_F(Streams, FreeingTwiceIsReported) {
  void* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, 64), cudaSuccess);
  ASSERT_EQ(cudaFree(memory), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaErrorInvalidValue);
  EXPECT_THAT(take_faults(), Contains(HasSubstr("cudaFree")));
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&memory, std::size_t{1} << 40U), cudaErrorMemoryAllocation);
  EXPECT_EQ(memory, nullptr);
}

// ------------------------------------------------------------------------------------------ graphs

class Graphs : public Streams {
 protected:
  // What is captured between the two.
  void begin() { ASSERT_EQ(cudaStreamBeginCapture(a_, cudaStreamCaptureModeGlobal), cudaSuccess); }
  cudaError_t end() {
    cudaGraph_t graph = nullptr;
    const cudaError_t result = cudaStreamEndCapture(a_, &graph);
    if (result != cudaSuccess) {
      EXPECT_EQ(graph, nullptr);
      return result;
    }
    EXPECT_EQ(cudaGraphInstantiate(&executable_, graph, 0), cudaSuccess);
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
    return cudaSuccess;
  }
  ~Graphs() override {
    if (executable_ != nullptr) {
      EXPECT_EQ(cudaGraphExecDestroy(executable_), cudaSuccess);
    }
  }
  cudaGraphExec_t executable_ = nullptr;
};

TEST_F(Graphs, RunAsOftenAsTheyAreLaunched) {
  begin();
  for (int i = 0; i < 3; ++i) ASSERT_EQ(increment(a_), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(pinned_, x_.data(), bytes, cudaMemcpyDeviceToHost, a_), cudaSuccess);
  ASSERT_EQ(end(), cudaSuccess);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(pinned_[0], 0) << "capturing must not run";
  for (int i = 0; i < 5; ++i) ASSERT_EQ(cudaGraphLaunch(executable_, a_), cudaSuccess);
  ASSERT_EQ(increment(a_), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(a_), cudaSuccess);
  EXPECT_EQ(pinned_[0], 15);
  EXPECT_THAT(x_.host(), Each(16.0F));
}

TEST_F(Graphs, ForksThatAreJoinedAreOrdered) {
  cudaEvent_t joined = nullptr;
  ASSERT_EQ(cudaEventCreateWithFlags(&joined, cudaEventDisableTiming), cudaSuccess);
  const DeviceArray<float> y{std::vector<float>(n)}, z{std::vector<float>(n)};
  begin();
  ASSERT_EQ(increment(a_), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(event_, a_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(b_, event_, 0), cudaSuccess);
  ASSERT_EQ(probe_increment(x_.data(), y.data(), n, b_), cudaSuccess);
  ASSERT_EQ(probe_increment(x_.data(), z.data(), n, a_), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(joined, b_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(a_, joined, 0), cudaSuccess);
  ASSERT_EQ(probe_increment(y.data(), x_.data(), n, a_), cudaSuccess);
  ASSERT_EQ(end(), cudaSuccess);
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    set_seed(seed);
    ASSERT_EQ(cudaGraphLaunch(executable_, b_), cudaSuccess);
  }
  ASSERT_EQ(cudaStreamSynchronize(b_), cudaSuccess);
  EXPECT_THAT(x_.host(), Each(18.0F));
  EXPECT_THAT(take_faults(), IsEmpty());
  EXPECT_EQ(cudaEventDestroy(joined), cudaSuccess);
}

TEST_F(Graphs, RacesBetweenTheirBranchesAreReported) {
  NEEDS_CHECKER();
  cudaEvent_t joined = nullptr;
  ASSERT_EQ(cudaEventCreateWithFlags(&joined, cudaEventDisableTiming), cudaSuccess);
  begin();
  ASSERT_EQ(cudaEventRecord(event_, a_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(b_, event_, 0), cudaSuccess);
  ASSERT_EQ(increment(a_), cudaSuccess);
  ASSERT_EQ(increment(b_), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(joined, b_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(a_, joined, 0), cudaSuccess);
  ASSERT_EQ(end(), cudaSuccess);
  ASSERT_EQ(cudaGraphLaunch(executable_, a_), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(a_), cudaSuccess);
  EXPECT_THAT(take_faults(), Contains(StartsWith("race between operations: kernel increment")));
  EXPECT_EQ(cudaEventDestroy(joined), cudaSuccess);
}

TEST_F(Graphs, AllocationIsForbiddenWhileCapturing) {
  begin();
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 64), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(increment(a_), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
}

TEST_F(Graphs, SynchronisationIsForbiddenWhileCapturing) {
  begin();
  EXPECT_EQ(cudaStreamSynchronize(a_), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
  begin();
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
  begin();
  EXPECT_EQ(cudaMemcpy(pinned_, x_.data(), bytes, cudaMemcpyDeviceToHost),
            cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
}

TEST_F(Graphs, PageableCopiesCannotBeCaptured) {
  std::vector<float> host(n);
  begin();
  EXPECT_EQ(cudaMemcpyAsync(host.data(), x_.data(), bytes, cudaMemcpyDeviceToHost, a_),
            cudaErrorStreamCaptureUnsupported);
  EXPECT_THAT(take_faults(), Contains(StartsWith("pageable memory: ")));
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
}

TEST_F(Graphs, ForksHaveToBeJoined) {
  begin();
  ASSERT_EQ(cudaEventRecord(event_, a_), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(b_, event_, 0), cudaSuccess);
  ASSERT_EQ(increment(b_), cudaSuccess);
  EXPECT_EQ(end(), cudaErrorStreamCaptureUnjoined);
  ASSERT_EQ(increment(b_), cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(b_), cudaSuccess);
}

TEST_F(Graphs, WorkOutsideCannotBeWaitedFor) {
  ASSERT_EQ(cudaEventRecord(event_, b_), cudaSuccess);
  begin();
  EXPECT_EQ(cudaStreamWaitEvent(a_, event_, 0), cudaErrorStreamCaptureIsolation);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
}

}  // namespace
}  // namespace ekgine::emulation
