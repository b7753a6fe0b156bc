#include "kernels/layer_norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/cases/ops/layer_norm.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

// The composition that it replaces, to the last bit: of all outputs together and each alone.
TEST(AddLayerNorm, IsTheSumAndItsNorm) {
  using Outputs = std::function<AddLayerNorm(Tape&, std::span<const Tensor>)>;
  double rate = 0;
  const Outputs fused = [&rate](Tape& tape, std::span<const Tensor> in) {
    return add_layer_norm(tape, in[0], 0.5, in[1], rate, in[2], in[3], 1e-3);
  };
  const Outputs composed = [&rate](Tape& tape, std::span<const Tensor> in) {
    const Tensor sum = add_scaled(tape, in[0], 0.5, dropout(tape, in[1], rate));
    return AddLayerNorm{sum, layer_norm(tape, sum, in[2], in[3], 1e-3)};
  };
  const std::vector<std::pair<const char*, std::function<Tensor(Tape&, const AddLayerNorm&)>>>
      results = {{"sum", [](Tape&, const AddLayerNorm& out) { return out.sum; }},
                 {"y", [](Tape&, const AddLayerNorm& out) { return out.y; }},
                 {"y - 3 sum", [](Tape& tape, const AddLayerNorm& out) {
                    return add_scaled(tape, out.y, -3, out.sum);
                  }}};
  for (const std::int64_t channels : {1, 7, 64, 300}) {
    for (const auto& named : results) {  // no binding: clang does not capture one with OpenMP
      const auto& result = named.second;
      rate = channels == 7 ? 0 : 0.3;
      KernelCase c = add_layer_norm_case(37, channels, 0.5);
      c.op = [&](Tape& tape, std::span<const Tensor> in) { return result(tape, fused(tape, in)); };
      const auto found = kernel_results(c);
      c.op = [&](Tape& tape, std::span<const Tensor> in) {
        return result(tape, composed(tape, in));
      };
      EXPECT_EQ(found, kernel_results(c)) << named.first << " of 37 rows of " << channels;
    }
  }
}

TEST(AddLayerNorm, NamesTheShapesItRefuses) {
  const OpFunction op = [](Tape& tape, std::span<const Tensor> in) {
    return add_layer_norm(tape, in[0], 1, in[1], 0.2, in[2], in[3], 1e-3).y;
  };
  expect_op_error({{8, 3, 64}, {8, 3, 63}, {64}, {64}}, op,
                  "add_layer_norm: b must be the shape of a=(8,3,64), got (8,3,63)");
  expect_op_error({{8, 3, 64}, {8, 3, 64}, {65}, {64}}, op,
                  "add_layer_norm: weight must be (C)=(64), got (65); a is (...,C)=(8,3,64)");
  expect_op_error({{8, 3, 64}, {8, 3, 64}, {64}, {63}}, op,
                  "add_layer_norm: bias must be (C)=(64), got (63); a is (...,C)=(8,3,64)");
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
