#include "kernels/linear.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

const auto dense = [](Tape& tape, std::span<const Tensor> in) {
  return linear(tape, in[0], in[1], in.size() > 2 ? in[2] : Tensor());
};

TEST(Linear, MultipliesRowsOfAnyLeadingAxes) {
  EXPECT_EQ(
      evaluate(Tape::Mode::inference,
               {{{2, 1, 2}, {1, 2, 3, 4}}, {{2, 3}, {1, 10, 100, 2, 20, 200}}, {{3}, {7, 8, 9}}},
               dense),
      (std::vector<double>{12, 58, 509, 18, 118, 1109}));
}

// Sums over nothing are 0, and add nothing.
TEST(Linear, GradientsOfNoRowsAreZero) {
  ReservedWorkspace workspace(1 << 16);
  for (const bool accumulate : {false, true}) {
    std::vector<float> dw(6, 5), dbias(3, 5);
    kernels::linear_backward<float>(Cpu{workspace}, {0, 2, 3}, nullptr, nullptr, nullptr, {},
                                    {dw.data(), accumulate}, {dbias.data(), accumulate});
    EXPECT_EQ(dw, std::vector<float>(6, accumulate ? 5 : 0));
    EXPECT_EQ(dbias, std::vector<float>(3, accumulate ? 5 : 0));
  }
}

TEST(Linear, NamesTheShapesItRefuses) {
  expect_op_error({{8, 3, 64}, {65, 10}}, dense,
                  "linear: weight must be (I,O) with I=64, got (65,10)");
  expect_op_error({{8, 3, 64}, {64}}, dense, "linear: weight must be (I,O) with I=64, got (64)");
  expect_op_error({{8, 3, 64}, {64, 10}, {11}}, dense,
                  "linear: bias must be (O)=(10), got (11); weight is (I,O)=(64,10)");
}

}  // namespace
}  // namespace ekgine::testing
