// Every fault that the emulation claims to find is planted here, and has to be reported with the
// kernel and the line; the same kernels without the fault must not be reported.
#include <cuda_runtime_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "emulation/emulation.h"
#include "tests/emulation/faulty_kernels.h"

namespace ekgine::emulation {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "tests/emulation/FILE:LINE" of the line that ends with "// planted: NAME".
std::string planted_line(const std::string& file, const std::string& name) {
  const std::string marker = "// planted: " + name;
  std::ifstream source(std::string(EKGINE_SOURCE_DIR) + "/tests/emulation/" + file);
  std::string line;
  for (int number = 1; std::getline(source, line); ++number) {
    if (line.ends_with(marker)) return "tests/emulation/" + file + ":" + std::to_string(number);
  }
  return "no line marked " + name;
}

// Two arrays on the device, 256 floats each.
class Device {
 public:
  static constexpr int n = 256;
  Device() {
    allocate(&in_);
    allocate(&out_);
    EXPECT_EQ(cudaMemset(in_, 0, n * sizeof(float)), cudaSuccess);
    EXPECT_EQ(cudaMemset(out_, 0, n * sizeof(float)), cudaSuccess);
  }
  ~Device() {
    reset_device();
    cudaFree(in_);
    cudaFree(out_);
    set_seed(0);
  }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const float* in() const { return in_; }
  float* out() const { return out_; }
  Planted arguments() const { return {in_, out_, n}; }

 private:
  static void allocate(float** array) {
    ASSERT_EQ(cudaMalloc(reinterpret_cast<void**>(array), n * sizeof(float)), cudaSuccess);
  }
  float *in_ = nullptr, *out_ = nullptr;
};

struct Expected {
  const char* name;
  const char* kind;
  cudaError_t error = cudaSuccess;  // at the next synchronisation
};

void PrintTo(const Expected& expected, std::ostream* out) {
  *out << expected.name;
}

#define NEEDS_CHECKER() \
  if (!checks_accesses()) GTEST_SKIP() << "these kernels are not compiled for the checker"

// Barriers and shuffles are watched in every build, accesses by the checker.
bool is_found_by_checker(const std::string& kind) {
  for (const char* other : {"divergent", "wrong mask", "trap"}) {
    if (kind.starts_with(other)) return false;
  }
  return true;
}

class PlantedFault : public ::testing::TestWithParam<Expected> {};

TEST_P(PlantedFault, IsReportedWithKernelAndLine) {
  const Expected& expected = GetParam();
  if (is_found_by_checker(expected.kind)) NEEDS_CHECKER();
  for (const std::uint64_t seed : {0, 1, 2}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Device device;
    set_seed(seed);
    ASSERT_EQ(launch_planted(expected.name, true, device.arguments(), nullptr), cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), expected.error);
    EXPECT_THAT(take_faults(), Contains(::testing::AllOf(
                                   ::testing::StartsWith(expected.kind),
                                   HasSubstr("kernel " + std::string(expected.name)),
                                   HasSubstr(planted_line("faulty_kernels.cu", expected.name)))));
  }
}

TEST_P(PlantedFault, IsNotReportedWhereThereIsNone) {
  for (const std::uint64_t seed : {0, 1, 2, 3}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Device device;
    set_seed(seed);
    ASSERT_EQ(launch_planted(GetParam().name, false, device.arguments(), nullptr), cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_THAT(take_faults(), IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Checker, PlantedFault,
    ::testing::Values(
        Expected{"read_after_write", "race: "}, Expected{"write_after_read", "race: "},
        Expected{"scratch_in_use", "race: "}, Expected{"global_exchange", "race: "},
        Expected{"warp_synchrony", "race within a warp: "},
        Expected{"part_of_a_warp", "race within a warp: "},
        Expected{"between_blocks", "race between blocks: "}, Expected{"atomic_and_plain", "race"},
        Expected{"halves", "race"}, Expected{"halves_and_word", "race"},
        Expected{"global_bounds", "out of bounds: ", cudaErrorIllegalAddress},
        Expected{"global_read_bounds", "out of bounds: ", cudaErrorIllegalAddress},
        Expected{"shared_bounds", "out of bounds: ", cudaErrorIllegalAddress},
        Expected{"dynamic_shared_bounds", "out of bounds: ", cudaErrorIllegalAddress},
        Expected{"misaligned_vector", "misaligned access: ", cudaErrorMisalignedAddress},
        Expected{"uninitialised_shared", "uninitialised read: "},
        Expected{"local_of_another_thread", "bad address: ", cudaErrorIllegalAddress},
        Expected{"divergent_barrier", "divergent barrier: "},
        Expected{"left_before_barrier", "divergent barrier: "},
        Expected{"never_meet", "divergent barrier: ", cudaErrorLaunchTimeout},
        Expected{"lane_outside_its_mask", "wrong mask: ", cudaErrorLaunchFailure},
        Expected{"different_masks", "wrong mask: ", cudaErrorLaunchFailure},
        Expected{"source_outside_the_mask", "wrong mask: "},
        Expected{"divergent_shuffle", "divergent warp: ", cudaErrorLaunchFailure},
        Expected{"incomplete_matrix_warp", "divergent warp: ", cudaErrorLaunchFailure},
        Expected{"trap", "trap: ", cudaErrorLaunchFailure}),
    [](const auto& test) { return std::string(test.param.name); });

// --------------------------------------------------- faults that lie in what the host passes along

void expect_fault(const Planted& arguments, const std::string& name, const std::string& kind,
                  const std::string& detail, cudaError_t error) {
  ASSERT_EQ(launch_planted(name, true, arguments, nullptr), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), error);
  EXPECT_THAT(take_faults(),
              Contains(::testing::AllOf(::testing::StartsWith(kind), HasSubstr("kernel " + name),
                                        HasSubstr(planted_line("faulty_kernels.cu", name)),
                                        HasSubstr(detail))));
}

TEST(ForeignMemory, OfTheHostIsReported) {
  NEEDS_CHECKER();
  const Device device;
  std::vector<float> host(Device::n);
  expect_fault({host.data(), device.out(), Device::n}, "foreign_read",
               "host memory in a kernel: ", "host memory", cudaErrorIllegalAddress);
  reset_device();
  expect_fault({device.in(), host.data(), Device::n}, "foreign_write",
               "host memory in a kernel: ", "writes", cudaErrorIllegalAddress);
}

TEST(ForeignMemory, OfTheHostsStackIsReported) {
  NEEDS_CHECKER();
  const Device device;
  float host[Device::n] = {};
  expect_fault({host, device.out(), Device::n}, "foreign_read",
               "host memory in a kernel: ", "host memory", cudaErrorIllegalAddress);
}

TEST(ForeignMemory, PageLockedIsReported) {
  NEEDS_CHECKER();
  const Device device;
  void* host = nullptr;
  ASSERT_EQ(cudaMallocHost(&host, Device::n * sizeof(float)), cudaSuccess);
  expect_fault({static_cast<float*>(host), device.out(), Device::n}, "foreign_read",
               "host memory in a kernel: ", "page-locked host memory", cudaErrorIllegalAddress);
  reset_device();
  EXPECT_EQ(cudaFreeHost(host), cudaSuccess);
}

TEST(ForeignMemory, NullIsReported) {
  NEEDS_CHECKER();
  const Device device;
  expect_fault({nullptr, device.out(), Device::n}, "foreign_read",
               "host memory in a kernel: ", "a null pointer", cudaErrorIllegalAddress);
}

TEST(ForeignMemory, FreedIsReportedWithWhereItCameFrom) {
  NEEDS_CHECKER();
  const Device device;
  void* gone = nullptr;
  ASSERT_EQ(cudaMalloc(&gone, Device::n * sizeof(float)), cudaSuccess);  // planted: freed
  ASSERT_EQ(cudaFree(gone), cudaSuccess);
  expect_fault(
      {device.in(), static_cast<float*>(gone), Device::n}, "foreign_write", "out of bounds: ",
      "of the freed 1024 bytes allocated at " + planted_line("planted_faults_test.cpp", "freed"),
      cudaErrorIllegalAddress);
}

TEST(UninitialisedGlobalMemory, IsReported) {
  NEEDS_CHECKER();
  const Device device;
  void* fresh = nullptr;
  ASSERT_EQ(cudaMalloc(&fresh, Device::n * sizeof(float)), cudaSuccess);
  const Planted arguments{static_cast<float*>(fresh), device.out(), Device::n};
  expect_fault(arguments, "uninitialised_global", "uninitialised read: ", "global memory",
               cudaSuccess);
  // Written by a copy of written memory: fine. By a copy of unwritten memory: not.
  ASSERT_EQ(cudaMemcpy(fresh, device.in(), 1024, cudaMemcpyDeviceToDevice), cudaSuccess);
  ASSERT_EQ(launch_planted("uninitialised_global", false, arguments, nullptr), cudaSuccess);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_THAT(take_faults(), IsEmpty());
  void* fresh2 = nullptr;
  ASSERT_EQ(cudaMalloc(&fresh2, Device::n * sizeof(float)), cudaSuccess);
  ASSERT_EQ(cudaMemcpy(fresh, fresh2, 1024, cudaMemcpyDeviceToDevice), cudaSuccess);
  expect_fault(arguments, "uninitialised_global", "uninitialised read: ", "global memory",
               cudaSuccess);
  EXPECT_EQ(cudaFree(fresh), cudaSuccess);
  EXPECT_EQ(cudaFree(fresh2), cudaSuccess);
}

TEST(BadAddress, StopsTheDeviceUntilItIsReset) {
  NEEDS_CHECKER();
  const Device device;
  ASSERT_EQ(launch_planted("global_bounds", true, device.arguments(), nullptr), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  EXPECT_EQ(launch_planted("global_bounds", false, device.arguments(), nullptr),
            cudaErrorIllegalAddress);
  void* nothing = nullptr;
  EXPECT_EQ(cudaMalloc(&nothing, 4), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  reset_device();
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(launch_planted("global_bounds", false, device.arguments(), nullptr), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_THAT(take_faults(), ::testing::SizeIs(1));
}

#ifdef __SANITIZE_ADDRESS__
TEST(AddressSanitizerDeathTest, FindsAddressesOutOfBounds) {
  const auto die = [](const char* name) {
    const Device device;
    launch_planted(name, true, device.arguments(), nullptr);
    cudaDeviceSynchronize();
  };
  for (const char* name :
       {"global_bounds", "global_read_bounds", "shared_bounds", "dynamic_shared_bounds"}) {
    // UndefinedBehaviorSanitizer, where it is there, sees the index before the address.
    EXPECT_DEATH(die(name), "use-after-poison|out of bounds") << name;
  }
}
#endif

TEST(Leak, IsReportedWithItsLine) {
  void *leaked = nullptr, *pinned = nullptr;
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  EXPECT_THAT(leaks(), IsEmpty());
  ASSERT_EQ(cudaMalloc(&leaked, 100), cudaSuccess);    // planted: leak
  ASSERT_EQ(cudaMallocHost(&pinned, 7), cudaSuccess);  // planted: pinned leak
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);   // planted: stream leak
  ASSERT_EQ(cudaEventCreate(&event), cudaSuccess);     // planted: event leak
  const auto line = [](const char* name) {
    return HasSubstr(planted_line("planted_faults_test.cpp", name));
  };
  EXPECT_THAT(leaks(), ::testing::UnorderedElementsAre(
                           ::testing::AllOf(HasSubstr("100 bytes of device memory"), line("leak")),
                           ::testing::AllOf(HasSubstr("page-locked"), line("pinned leak")),
                           ::testing::AllOf(HasSubstr("a stream"), line("stream leak")),
                           ::testing::AllOf(HasSubstr("an event"), line("event leak"))));
  EXPECT_EQ(cudaFree(leaked), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(event), cudaSuccess);
  EXPECT_THAT(leaks(), IsEmpty());
}

}  // namespace
}  // namespace ekgine::emulation
