#include "kernels/put_back.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/runtime/reserved_workspace.h"

namespace ekgine::testing {
namespace {

TEST(PutBack, CopiesWhereItIsTold) {
  ReservedWorkspace workspace(1 << 16);
  const std::vector<double> kept = {1, 2, 3};
  for (const std::uint32_t stop : {0U, 7U}) {
    std::vector<double> values = {4, 5, 6};
    kernels::put_back(Cpu{workspace}, 2, &stop, kept.data(), values.data());
    EXPECT_EQ(values, stop == 0 ? (std::vector<double>{4, 5, 6}) : (std::vector<double>{1, 2, 6}));
  }
}

}  // namespace
}  // namespace ekgine::testing
