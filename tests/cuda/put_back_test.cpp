// put_back on a CUDA device, real or emulated.
#include "kernels/put_back.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/runtime/cuda_device.h"
#include "tests/support/cuda_array.h"
#include "tests/support/cuda_case.h"

namespace ekgine::testing {
namespace {

TEST(PutBackOnCuda, CopiesWhereItIsTold) {
  if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
  const CudaDevice device(0, std::size_t{1} << 20);
  for (const std::int64_t n : {0, 1, 255, 256, 257, 1000}) {
    std::vector<float> kept(static_cast<std::size_t>(n) + 1);
    std::iota(kept.begin(), kept.end(), 1.0F);
    for (const std::uint32_t stop : {0U, 7U}) {
      const CudaArray<float> from(kept), to(std::vector<float>(kept.size(), -1));
      const CudaArray<std::uint32_t> flag(std::vector<std::uint32_t>{stop});
      kernels::put_back(device.context(), n, flag.data(), from.data(), to.data());
      device.wait();
      std::vector<float> expected = kept;
      if (stop == 0) expected.assign(kept.size(), -1);
      expected.back() = -1;  // past the end
      EXPECT_EQ(to.values(), expected) << n << ", stop " << stop;
    }
  }
}

}  // namespace
}  // namespace ekgine::testing
