#include "kernels/relu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::NanSensitiveDoubleEq;

TEST(Relu, KeepsPositiveValuesAndNaN) {
  EXPECT_THAT(evaluate(Tape::Mode::inference, {{{5}, {-2, 0, 3, NAN, INFINITY}}},
                       [](Tape& tape, std::span<const Tensor> in) { return relu(tape, in[0]); }),
              ElementsAre(0, 0, 3, NanSensitiveDoubleEq(NAN), DoubleEq(INFINITY)));
}

}  // namespace
}  // namespace ekgine::testing
