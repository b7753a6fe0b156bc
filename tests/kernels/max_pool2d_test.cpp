#include "kernels/max_pool2d.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

const auto pool = [](Tape& tape, std::span<const Tensor> in) { return max_pool2d(tape, in[0]); };

TEST(MaxPool2d, DropsTheLastOddRowAndColumn) {
  EXPECT_EQ(evaluate(Tape::Mode::inference,
                     {{{1, 3, 5, 1}, {1, 2, 3, 4, 99, 8, 7, 6, 5, 99, 99, 99, 99, 99, 99}}}, pool),
            (std::vector<double>{8, 6}));
}

TEST(MaxPool2d, KeepsNaN) {
  for (int place = 0; place < 4; ++place) {
    std::vector<double> window{1, 2, 3, 4};
    window[static_cast<std::size_t>(place)] = NAN;
    EXPECT_TRUE(std::isnan(evaluate(Tape::Mode::inference, {{{1, 2, 2, 1}, window}}, pool)[0]))
        << "NaN at place " << place;
  }
}

// Equal maxima: the gradient goes to the first of them alone.
TEST(MaxPool2d, TheFirstMaximumTakesTheGradient) {
  Device device = Device::cpu(DType::f64);
  Arena::Plan plan;
  std::vector<double> x{5, 7, 7, 7}, dx(4, NAN);
  Tape tape(device, Tape::Mode::training, plan);
  const Tensor leaf = tape.leaf(Tensor::view(x.data(), {1, 2, 2, 1}, DType::f64),
                                Tensor::view(dx.data(), {1, 2, 2, 1}, DType::f64));
  tape.backward(max_pool2d(tape, leaf));
  EXPECT_EQ(dx, (std::vector<double>{0, 1, 0, 0}));
}

TEST(MaxPool2d, NamesTheShapeItRefuses) {
  expect_op_error({{2, 5, 7}}, pool, "max_pool2d: x must be (N,H,W,C), got (2,5,7)");
}

}  // namespace
}  // namespace ekgine::testing
