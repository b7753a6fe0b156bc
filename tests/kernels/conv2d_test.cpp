#include "kernels/conv2d.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/ops/conv2d.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

const auto convolve = [](Tape& tape, std::span<const Tensor> in) {
  return conv2d(tape, in[0], in[1]);
};

// By minimal filtering and by rows, which have a sum of their own: what is there is added to once,
// to the bit.
template <class T>
void expect_added_gradients(kernels::Conv2dShape s) {
  Random random(4);
  const auto draw = [&](std::int64_t n) {
    std::vector<T> values(static_cast<std::size_t>(n));
    for (T& v : values) v = static_cast<T>(random.normal());
    return values;
  };
  const std::vector<T> x = draw(s.in()), w = draw(s.weights()), dy = draw(s.out());
  std::vector<T> dx(x.size()), dw(w.size()), added_dx = draw(s.in()), added_dw = draw(s.weights());
  std::vector<T> expected_dx = added_dx, expected_dw = added_dw;
  ReservedWorkspace workspace(std::size_t{1} << 28);
  const auto backward = [&](std::vector<T>& to_x, std::vector<T>& to_w, bool accumulate) {
    kernels::conv2d_backward(Cpu{workspace}, s, x.data(), w.data(), dy.data(),
                             Gradient<T>{to_x.data(), accumulate},
                             Gradient<T>{to_w.data(), accumulate});
  };
  backward(dx, dw, false);
  backward(added_dx, added_dw, true);
  for (std::size_t i = 0; i < dx.size(); ++i) expected_dx[i] += dx[i];
  for (std::size_t i = 0; i < dw.size(); ++i) expected_dw[i] += dw[i];
  EXPECT_EQ(added_dx, expected_dx) << s.c << " to " << s.o << " channels";
  EXPECT_EQ(added_dw, expected_dw) << s.c << " to " << s.o << " channels";
}

TEST(Conv2d, AddsToGradients) {
  for (const kernels::Conv2dShape s : {kernels::Conv2dShape{5, 6, 7, 16, 3, 3, 32},
                                       {5, 6, 7, 3, 3, 3, 5},
                                       {3, 4, 9, 2, 1, 4, 16}}) {
    expect_added_gradients<float>(s);
    expect_added_gradients<double>(s);
  }
}

TEST(Conv2d, AccumulatesInBfloat16) {
  for (const kernels::Conv2dShape s :
       {kernels::Conv2dShape{9, 3, 5, 4, 3, 3, 6}, {9, 3, 5, 16, 3, 3, 32}}) {
    Random random(3);
    const auto draw = [&](std::int64_t n) {
      std::vector<bfloat16> values(static_cast<std::size_t>(n));
      for (bfloat16& v : values) v = bfloat16(static_cast<float>(random.normal()));
      return values;
    };
    const std::vector<bfloat16> x = draw(s.in()), dy = draw(s.out());
    const std::vector<float> w(static_cast<std::size_t>(s.weights()), 0.3F);
    ReservedWorkspace workspace(std::size_t{1} << 28);
    expect_accumulates_in_bfloat16(s.in(), [&](Gradient<bfloat16> dx) {
      kernels::conv2d_backward(Cpu{workspace}, s, x.data(), w.data(), dy.data(), dx,
                               Gradient<float>());
    });
  }
}

// Cross-correlation, not convolution: the kernel is not turned; zeros lie around the image; an even
// kernel reaches one further down and to the right. Powers of ten show which element met which tap.
TEST(Conv2d, LaysTheKernelOnTheImageAsItIs) {
  const std::pair<Shape, std::vector<double>> image{{1, 2, 3, 1}, {1, 2, 3, 4, 5, 6}};
  EXPECT_EQ(evaluate(Tape::Mode::inference,
                     {image, {{3, 3, 1, 1}, {1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}}}, convolve),
            (std::vector<double>{540210000, 654321000, 65032000, 540210, 654321, 65032}));
  EXPECT_EQ(evaluate(Tape::Mode::inference, {image, {{2, 2, 1, 1}, {1, 10, 100, 1e3}}}, convolve),
            (std::vector<double>{5421, 6532, 603, 54, 65, 6}));
}

// Winograd's algorithm (3×3 between multiples of 16 channels) rounds more than the plain sum does,
// but must not lose more than a digit; an offset is what its differences would amplify.
TEST(Conv2d, WinogradIsAccurate) {
  for (const double offset : {0.0, 100.0}) {
    KernelCase c = conv2d_case({2, 11, 13, 32, 3, 3, 32});
    c.inputs[0].draw = normal(offset, 1);
    c.float_tolerance = 4e-6;
    expect_no_faults({c});
  }
}

// Images that begin at a multiple of a vector are written around the caches, others are not.
TEST(Conv2d, GivesTheSameBitsAtAnyAddress) {
  const kernels::Conv2dShape s{2, 9, 26, 16, 3, 3, 32};
  const auto values = [](std::int64_t n) {
    Random random(5);
    std::vector<float> drawn(static_cast<std::size_t>(n));
    for (float& v : drawn) v = static_cast<float>(random.normal());
    return drawn;
  };
  const std::vector<float> x = values(s.in()), w = values(s.weights());
  ReservedWorkspace workspace(std::size_t{1} << 28);
  constexpr std::size_t vector = Workspace::alignment / sizeof(float);
  std::vector<float> memory(static_cast<std::size_t>(s.out()) + 2 * vector);
  void* aligned = memory.data();
  std::size_t space = memory.size() * sizeof(float);
  ASSERT_NE(std::align(Workspace::alignment, 1, aligned, space), nullptr);
  const auto convolved_at = [&](std::size_t offset) {
    float* const y = static_cast<float*>(aligned) + offset;
    kernels::conv2d_forward(Cpu{workspace}, s, x.data(), w.data(), y);
    return std::vector<float>(y, y + s.out());
  };
  const std::vector<float> expected = convolved_at(0);
  for (const std::size_t offset : {1, 3, 4, 8, 12}) {
    EXPECT_EQ(convolved_at(offset), expected) << offset << " elements further";
  }
}

TEST(Conv2d, AssignsZeroToTheKernelsGradientWithoutImages) {
  for (kernels::Conv2dShape s :
       {kernels::Conv2dShape{1, 4, 5, 16, 3, 3, 16}, {1, 4, 5, 3, 3, 3, 5}}) {
    const std::vector<float> images(static_cast<std::size_t>(s.in() + s.out()), 1.0F);
    std::vector<float> dw(static_cast<std::size_t>(s.weights()), 7.0F);
    const std::vector<float> w = dw;
    ReservedWorkspace workspace(std::size_t{1} << 28);
    for (s.n = 1; s.n >= 0; --s.n) {  // the first leaves its sums in the workspace
      kernels::conv2d_backward(Cpu{workspace}, s, images.data(), w.data(), images.data(),
                               Gradient<float>(), Gradient<float>{dw.data(), false});
    }
    EXPECT_EQ(dw, std::vector<float>(dw.size(), 0.0F)) << s.c << " to " << s.o << " channels";
  }
}

TEST(Conv2d, NamesTheShapesItRefuses) {
  expect_op_error({{2, 5, 7}, {3, 3, 1, 4}}, convolve, "conv2d: x must be (N,H,W,C), got (2,5,7)");
  expect_op_error({{2, 5, 7, 2}, {3, 3, 1, 4}}, convolve,
                  "conv2d: weight must be (KH,KW,C,O) with C=2, got (3,3,1,4)");
  expect_op_error({{2, 5, 7, 2}, {3, 3, 2}}, convolve,
                  "conv2d: weight must be (KH,KW,C,O) with C=2, got (3,3,2)");
}

}  // namespace
}  // namespace ekgine::testing
