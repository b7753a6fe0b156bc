#include "kernels/layer_norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/cases/layer_norm.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

TEST(LayerNorm, Kernel) {
  expect_no_faults(layer_norm_cases());
}

TEST(LayerNorm, NamesTheShapesItRefuses) {
  expect_op_error(
      {{8, 3, 64}, {65}, {64}},
      [](Tape& tape, std::span<const Tensor> in) {
        return layer_norm(tape, in[0], in[1], in[2], 1e-3);
      },
      "layer_norm: weight must be (C)=(64), got (65); x is (...,C)=(8,3,64)");
  expect_op_error(
      {{8, 3, 64}, {64}, {64, 1}},
      [](Tape& tape, std::span<const Tensor> in) {
        return layer_norm(tape, in[0], in[1], in[2], 1e-3);
      },
      "layer_norm: bias must be (C)=(64), got (64,1); x is (...,C)=(8,3,64)");
}

}  // namespace
}  // namespace ekgine::testing
