#include "kernels/add_position.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/ops/add_position.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

Tensor add(Tape& tape, std::span<const Tensor> in) {
  return add_position(tape, in[0], in[1]);
}

TEST(AddPosition, AddsRowTOfTheTableAtPositionT) {
  EXPECT_EQ(
      evaluate(Tape::Mode::inference,
               {{{2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}}, {{3, 2}, {10, 20, 30, 40, 99, 99}}}, add),
      (std::vector<double>{11, 22, 33, 44, 15, 26, 37, 48}));
}

TEST(AddPosition, AssignsZeroToUnusedRows) {
  ReservedWorkspace workspace(1 << 16);
  const Cpu cpu{workspace};
  const std::vector<double> dy = {1, 2, 3, 4, 10, 20, 30, 40};  // (2,2,2)
  std::vector<double> dtable(6, std::numeric_limits<double>::quiet_NaN());
  kernels::add_position_backward(cpu, {2, 2, 2, 3}, dy.data(), {}, Gradient<double>{dtable.data()});
  EXPECT_EQ(dtable, (std::vector<double>{11, 22, 33, 44, 0, 0}));
  kernels::add_position_backward(cpu, {2, 2, 2, 3}, dy.data(), {},
                                 Gradient<double>{dtable.data(), true});
  EXPECT_EQ(dtable, (std::vector<double>{22, 44, 66, 88, 0, 0}));
}

TEST(AddPosition, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(add_position_case(600, 3, 128, 3));
}

TEST(AddPosition, NamesTheShapesItRefuses) {
  expect_op_error({{2, 4, 3}, {3, 3}}, add,
                  "add_position: table must be (R,C)=(R,3) with R >= T = 4, got (3,3); x is "
                  "(N,T,C)=(2,4,3)");
  expect_op_error({{2, 4, 3}, {4, 2}}, add,
                  "add_position: table must be (R,C)=(R,3) with R >= T = 4, got (4,2); x is "
                  "(N,T,C)=(2,4,3)");
  expect_op_error({{2, 4, 3}, {12}}, add,
                  "add_position: table must be (R,C)=(R,3) with R >= T = 4, got (12); x is "
                  "(N,T,C)=(2,4,3)");
  expect_op_error({{4, 3}, {4, 3}}, add, "add_position: x must be (N,T,C), got (4,3)");
}

}  // namespace
}  // namespace ekgine::testing
