#include "kernels/gather.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/ops/gather.h"
#include "tests/support/expect_error.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

// 1 is lost in 10¹⁶ unless that is gone before.
TEST(Gather, AddsPicksUpInAscendingOrder) {
  ReservedWorkspace workspace(1 << 16);
  const std::vector<std::int32_t> index = {1, 0, 1, 1};
  std::vector<double> dx(3, -1);
  for (const auto& [dy, sum] : {std::pair{std::vector<double>{1, 5, 1e16, -1e16}, 0.0},
                                {std::vector<double>{1e16, 5, -1e16, 1}, 1.0}}) {
    kernels::gather_backward(Cpu{workspace}, {3, 1, 4}, index.data(), dy.data(),
                             Gradient<double>{dx.data()});
    EXPECT_EQ(dx, (std::vector<double>{5, sum, 0}));
  }
}

TEST(Gather, AddsUpRepeatedRowsAndAssignsZeroToMissingOnes) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> x = {1, 2, 3, 4, 5, 6, 7, 8}, dx(8, nan);  // (4,2)
  const std::vector<std::int32_t> index = {2, 2, 0, 2};          // (2,2)
  const std::vector<double> dy = {1, 10, 2, 20, 4, 40, 8, 80};
  Device device = Device::cpu(DType::f64);
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::training, plan);
  const Tensor leaf = tape.leaf(Tensor::view(x.data(), {4, 2}, DType::f64),
                                Tensor::view(dx.data(), {4, 2}, DType::f64));
  const Tensor y = gather(tape, leaf, tape.input({2, 2}, std::span(index)));
  EXPECT_EQ(y.shape(), (Shape{2, 2, 2}));
  EXPECT_EQ(std::vector<double>(y.span<double>().begin(), y.span<double>().end()),
            (std::vector<double>{5, 6, 5, 6, 1, 2, 5, 6}));
  tape.backward(y, tape.input({2, 2, 2}, std::span(dy)));
  EXPECT_EQ(dx, (std::vector<double>{4, 40, 0, 0, 11, 110, 0, 0}));
}

TEST(Gather, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(gather_case(1100, 128, 400, 3));
}

TEST(Gather, NamesTheIndexItRefuses) {
  for (const auto mode : {Tape::Mode::training, Tape::Mode::inference}) {
    for (const std::int32_t wrong : {-1, 4, std::numeric_limits<std::int32_t>::min()}) {
      Device device = Device::cpu(DType::f32);
      Arena::Plan plan;
      Tape tape(device, mode, plan);
      const std::vector<std::int32_t> index = {0, 3, wrong, 1, 2, 0};
      const Tensor x = tape.input({4, 1}, std::vector<float>(4));
      const Tensor picks = tape.input({3, 2}, std::span(index));
      EXPECT_ERROR(gather(tape, x, picks),
                   fmt::format("gather: index 2 of 6 is {}, x has 4 rows", wrong));
    }
  }
}

TEST(Gather, NamesTheShapesItRefuses) {
  const auto op = [](Tape& tape, std::span<const Tensor> in) { return gather(tape, in[0], in[1]); };
  expect_op_error({{2, 4, 3}, {3, 3}}, op, "gather: x must be (U,C), got (2,4,3)");
  expect_op_error({{4, 3}, {3}}, op, "gather: index must be (B,T), got (3)");
  expect_op_error({{4, 3}, {3, 1}}, op, "tensor (3,1) holds f32, not i32");
}

}  // namespace
}  // namespace ekgine::testing
