#include "kernels/fill.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"

namespace ekgine::testing {
namespace {

TEST(Fill, WritesEveryElementAndNoOther) {
  ReservedWorkspace workspace(1 << 16);
  const Cpu cpu{workspace};
  for (const std::int64_t n : {0, 1, 33, 100003}) {
    std::vector<double> y(static_cast<std::size_t>(n) + 1, -1);
    kernels::fill(cpu, n, 4.5, y.data());
    EXPECT_EQ(y.back(), -1);
    y.pop_back();
    EXPECT_EQ(y, std::vector<double>(static_cast<std::size_t>(n), 4.5));
  }
}

}  // namespace
}  // namespace ekgine::testing
