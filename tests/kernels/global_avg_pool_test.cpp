#include "kernels/global_avg_pool.h"

#include <gtest/gtest.h>

#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

const auto average_pool = [](Tape& tape, std::span<const Tensor> in) {
  return global_avg_pool(tape, in[0]);
};

TEST(GlobalAvgPool, AveragesAllAxesInTheMiddle) {
  EXPECT_EQ(
      evaluate(Tape::Mode::inference, {{{2, 1, 2, 2}, {1, 10, 3, 20, 5, 0, -5, 1}}}, average_pool),
      (std::vector<double>{2, 15, 0, 0.5}));
}

TEST(GlobalAvgPool, NamesTheShapeItRefuses) {
  expect_op_error({{7}}, average_pool,
                  "global_avg_pool: x must be (N,...,C) with at least one element, got (7)");
}

}  // namespace
}  // namespace ekgine::testing
