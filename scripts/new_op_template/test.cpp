#include "kernels/new_op.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/cases/ops/new_op.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

TEST(NewOp, SquaresAndScales) {
  EXPECT_EQ(
      evaluate(Tape::Mode::inference, {{{2, 2}, {0, 1, -2, 3}}},
               [](Tape& tape, std::span<const Tensor> in) { return new_op(tape, in[0], 0.5); }),
      (std::vector<double>{0, 0.5, 2, 4.5}));
}

TEST(NewOp, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(new_op_cases().model.front());
}

}  // namespace
}  // namespace ekgine::testing
