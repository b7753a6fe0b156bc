#include "kernels/stem.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/ops/stem.h"
#include "tests/support/double_step.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

const std::vector<std::string> arrays = {
    "output", "x", "dkernel", "dweight", "dbias", "running_mean", "running_variance"};

void expect_the_composition(kernels::StemShape s, const std::string& what,
                            const Change& change = {}) {
  expect_equal(double_step(stem_inputs(s), stem_of, change),
               double_step(stem_inputs(s), composed_stem, change), arrays, what);
}

// The composition is the specification.
TEST(Stem, IsTheComposition) {
  for (const kernels::StemShape s :
       {kernels::StemShape{2, 4, 6, 3}, {3, 5, 7, 32}, {1, 31, 33, 5}, {2, 2, 187, 40}}) {
    expect_the_composition(s, Shape{s.n, s.h, s.w, s.c}.text());
  }
}

TEST(Stem, BreaksTiesAsTheComposition) {
  const std::vector<KernelInput> inputs = stem_ties_case({2, 8, 12, 33}).inputs;
  expect_equal(double_step(inputs, stem_of), double_step(inputs, composed_stem), arrays, "ties");
}

// A constant convolution has no variance: rstd is 1/√ε.
TEST(Stem, TakesImagesOfZeros) {
  expect_the_composition({2, 6, 4, 5}, "zeros",
                         [](std::vector<double>& x) { std::fill(x.begin(), x.end(), 0.0); });
}

// One NaN makes its channel's statistics NaN, and with them everything.
TEST(Stem, PassesNaNOn) {
  expect_the_composition({3, 6, 4, 5}, "a NaN", [](std::vector<double>& x) {
    x[30] = std::numeric_limits<double>::quiet_NaN();
  });
}

TEST(Stem, NormalisesWithRunningStatisticsInInference) {
  const kernels::StemShape s{2, 5, 9, 7};
  Random random(3);
  std::vector<std::pair<Shape, std::vector<double>>> values;
  for (const KernelInput& input : stem_inputs(s)) {
    std::vector<double> drawn(static_cast<std::size_t>(input.shape.size()));
    for (double& v : drawn) v = input.draw ? input.draw(random) : random.normal();
    values.emplace_back(input.shape, std::move(drawn));
  }
  const std::vector<double> found = evaluate(Tape::Mode::inference, values, stem_of);
  const std::vector<double> expected = evaluate(Tape::Mode::inference, values, composed_stem);
  const std::vector<double> training = evaluate(Tape::Mode::training, values, composed_stem);
  ASSERT_EQ(found.size(), expected.size());
  double difference = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i], expected[i], 1e-12) << i;
    difference = std::max(difference, std::abs(expected[i] - training[i]));
  }
  EXPECT_GT(difference, 0.1) << "the statistics make no difference here";
}

// What the op is for: the convolution is not kept, nor made.
TEST(Stem, NeedsNoMemoryForTheConvolution) {
  const kernels::StemShape s{4, 16, 16, 32};
  std::size_t fused = 0, separate = 0;
  double_step(stem_inputs(s), stem_of, {}, &fused);
  double_step(stem_inputs(s), composed_stem, {}, &separate);
  const auto convolved = static_cast<std::size_t>(s.positions() * s.c) * sizeof(double);
  EXPECT_LT(fused, convolved * 3 / 4);  // y and its gradient are a quarter each
  EXPECT_GT(separate, convolved) << "the comparison shows nothing";
}

// Parts of the work differ with the number of threads; nothing but rounding may.
TEST(Stem, IsTheSameForAnyNumberOfThreads) {
  const kernels::StemShape s{5, 14, 22, 40};
  Arrays expected;
  for (const int threads : {1, 2, 3, 7}) {
    const ThreadCount count(threads);
    const Arrays found = double_step(stem_inputs(s), stem_of);
    if (threads == 1) expected = found;
    expect_equal(found, expected, arrays, fmt::format("{} threads", threads));
  }
}

TEST(Stem, AddsToGradients) {
  const kernels::StemShape s{3, 6, 8, 9};
  Random random(4);
  const auto draw = [&](std::int64_t n) {
    std::vector<float> values(static_cast<std::size_t>(n));
    for (float& v : values) v = static_cast<float>(random.normal());
    return values;
  };
  const std::vector<float> x = draw(s.positions()), kernel = draw(9 * s.c),
                           dy = draw(3 * 3 * 4 * 9);
  const std::vector<float> mean = draw(9), rstd(9, 0.8F), weight = draw(9), bias = draw(9);
  const std::vector<float> patch_mean = draw(9), patch_covariance = draw(81);
  ReservedWorkspace workspace(std::size_t{1} << 28);
  const auto backward = [&](std::vector<float>& dkernel, std::vector<float>& dweight,
                            std::vector<float>& dbias, bool accumulate) {
    kernels::stem_backward(Cpu{workspace}, s, x.data(), kernel.data(), patch_mean.data(),
                           patch_covariance.data(), mean.data(), rstd.data(), weight.data(),
                           bias.data(), dy.data(), Gradient<float>{dkernel.data(), accumulate},
                           Gradient<float>{dweight.data(), accumulate},
                           Gradient<float>{dbias.data(), accumulate});
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> assigned[3] = {std::vector<float>(81, nan), std::vector<float>(9, nan),
                                    std::vector<float>(9, nan)};
  std::vector<float> added[3] = {draw(81), draw(9), draw(9)}, expected[3];
  std::ranges::copy(added, expected);
  backward(assigned[0], assigned[1], assigned[2], false);
  backward(added[0], added[1], added[2], true);
  for (int i = 0; i < 3; ++i) {
    for (std::size_t k = 0; k < added[i].size(); ++k) expected[i][k] += assigned[i][k];
    EXPECT_EQ(added[i], expected[i]) << "gradient " << i;
  }
}

// With images in bfloat16 the kernel is what bfloat16 makes of it, as it is for conv2d.
TEST(Stem, RoundsItsKernelToBfloat16) {
  const kernels::StemShape s{2, 6, 9, 5};
  Random random(6);
  std::vector<bfloat16> x(static_cast<std::size_t>(s.positions())), dy(2 * 3 * 4 * 5);
  for (bfloat16& v : x) v = bfloat16(static_cast<float>(random.normal()));
  for (bfloat16& v : dy) v = bfloat16(static_cast<float>(random.normal()));
  std::vector<float> kernel(45), rounded;
  for (float& k : kernel) k = static_cast<float>(random.normal());
  for (const float k : kernel) rounded.push_back(static_cast<float>(bfloat16(k)));
  ASSERT_NE(kernel, rounded);
  ReservedWorkspace workspace(std::size_t{1} << 28);
  const Cpu cpu{workspace};
  const auto results = [&](const std::vector<float>& of) {
    std::vector<float> mean(5), rstd(5), patch_mean(9), covariance(81), running(10, 0.5F), found;
    const std::vector<float> weight(5, 1.5F), bias(5, 0.2F);
    std::vector<bfloat16> y(dy.size());
    std::vector<float> dkernel(45), dweight(5), dbias(5);
    kernels::stem_statistics(cpu, s, 1e-3F, 0.9F, x.data(), of.data(), patch_mean.data(),
                             covariance.data(), mean.data(), rstd.data(), running.data(),
                             running.data() + 5);
    kernels::stem_forward(cpu, s, x.data(), of.data(), mean.data(), rstd.data(), weight.data(),
                          bias.data(), y.data());
    kernels::stem_backward(cpu, s, x.data(), of.data(), patch_mean.data(), covariance.data(),
                           mean.data(), rstd.data(), weight.data(), bias.data(), dy.data(),
                           Gradient<float>{dkernel.data()}, Gradient<float>{dweight.data()},
                           Gradient<float>{dbias.data()});
    for (const auto& part : {mean, rstd, dkernel, dweight, dbias}) {
      found.insert(found.end(), part.begin(), part.end());
    }
    for (const bfloat16 v : y) found.push_back(static_cast<float>(v));
    return found;
  };
  EXPECT_EQ(results(kernel), results(rounded));
}

TEST(Stem, NamesTheShapesItRefuses) {
  expect_op_error({{2, 4, 6}, {3, 3, 1, 5}, {5}, {5}, {5}, {5}}, stem_of,
                  "stem: x must be (N,H,W,1) with at least one element, got (2,4,6)");
  expect_op_error({{2, 4, 6, 2}, {3, 3, 2, 5}, {5}, {5}, {5}, {5}}, stem_of,
                  "stem: x must be (N,H,W,1) with at least one element, got (2,4,6,2)");
  expect_op_error({{2, 4, 6, 1}, {3, 2, 1, 5}, {5}, {5}, {5}, {5}}, stem_of,
                  "stem: kernel must be (3,3,1,C), got (3,2,1,5)");
  expect_op_error({{2, 4, 6, 1}, {3, 3, 1, 5}, {5}, {6}, {5}, {5}}, stem_of,
                  "stem: bias must be (C)=(5), got (6); kernel is (3,3,1,C)=(3,3,1,5)");
}

TEST(Stem, RefusesAGradientOfItsImages) {
  Device device = Device::cpu(DType::f64);
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::training, plan);
  std::vector<double> values(24), gradient(24), ones(9, 1);
  const Tensor x = tape.leaf(Tensor::view(values.data(), {1, 4, 6, 1}, DType::f64),
                             Tensor::view(gradient.data(), {1, 4, 6, 1}, DType::f64));
  const Tensor one = Tensor::view(ones.data(), {1}, DType::f64);
  const Tensor kernel = Tensor::view(ones.data(), {3, 3, 1, 1}, DType::f64);
  try {
    stem(tape, x, kernel, {one, one, one, one});
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "stem: x is data and gets no gradient, but one is wanted");
  }
}

}  // namespace
}  // namespace ekgine::testing
