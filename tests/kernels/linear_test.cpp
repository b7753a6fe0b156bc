#include "kernels/linear.h"

#include <gtest/gtest.h>

#include "tests/cases/linear.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

const auto dense = [](Tape& tape, std::span<const Tensor> in) {
  return linear(tape, in[0], in[1], in.size() > 2 ? in[2] : Tensor());
};

TEST(Linear, Kernel) {
  expect_no_faults(linear_cases());
}

TEST(Linear, MultipliesRowsOfAnyLeadingAxes) {
  EXPECT_EQ(
      evaluate(Tape::Mode::inference,
               {{{2, 1, 2}, {1, 2, 3, 4}}, {{2, 3}, {1, 10, 100, 2, 20, 200}}, {{3}, {7, 8, 9}}},
               dense),
      (std::vector<double>{12, 58, 509, 18, 118, 1109}));
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
