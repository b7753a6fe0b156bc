#include "kernels/dropout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/ops/dropout.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

constexpr RandomKey dropout_key{.seed = 77, .step = 5, .op = 2};
constexpr Step dropout_step{.seed = dropout_key.seed, .number = dropout_key.step};

TEST(Dropout, KeepsWhatTheContractSays) {
  const kernels::Dropout dropout{0.3, dropout_key.op};
  EXPECT_EQ(dropout.threshold(), 1288490188U);  // ⌊0.3·2³²⌋
  std::vector<double> factor(1003);
  // The last begins where the number of a block outgrows 32 bits, within one vector of blocks.
  for (const std::uint64_t first :
       std::initializer_list<std::uint64_t>{0, 1, 2, 3, 4, 1021, (std::uint64_t{1} << 34) - 7}) {
    for (const std::int64_t count : {1, 2, 5, 255, 256, 257, 1003}) {
      kernels::dropout_factors(dropout_step, dropout, first, count, factor.data());
      for (std::int64_t i = 0; i < count; ++i) {
        const bool kept =
            random_word(dropout_key, first + static_cast<std::uint64_t>(i)) >= 1288490188U;
        ASSERT_EQ(factor[static_cast<std::size_t>(i)], kept ? 1 / (1 - 0.3) : 0)
            << "element " << i << " of " << count << " from " << first;
      }
    }
  }
}

TEST(Dropout, KeepsAWordEqualToTheThreshold) {
  const std::uint32_t word = random_word(dropout_key, 5);
  double factor = -1;
  kernels::dropout_factors(dropout_step, kernels::Dropout{word * 0x1p-32, dropout_key.op}, 5, 1,
                           &factor);
  EXPECT_GT(factor, 0);
  kernels::dropout_factors(dropout_step, kernels::Dropout{(word + 1.0) * 0x1p-32, dropout_key.op},
                           5, 1, &factor);
  EXPECT_EQ(factor, 0);
}

TEST(Dropout, HasAThresholdForEveryRate) {
  EXPECT_EQ(kernels::Dropout{0.0}.threshold(), 0U);
  EXPECT_EQ(kernels::Dropout{0.5}.threshold(), 0x80000000U);
  EXPECT_EQ(kernels::Dropout{std::nextafter(1.0, 0.0)}.threshold(), 0xFFFFFFFFU);
}

TEST(Dropout, DropsAtItsRateAndKeepsTheExpectation) {
  constexpr std::int64_t n = 1 << 18;
  std::vector<float> factor(n);
  for (const double rate : {0.1, 0.5, 0.9}) {
    kernels::dropout_factors(dropout_step, kernels::Dropout{rate, dropout_key.op}, 0, n,
                             factor.data());
    const auto dropped = static_cast<double>(std::count(factor.begin(), factor.end(), 0.0F));
    // Four standard deviations of a binomial count.
    EXPECT_NEAR(dropped / n, rate, 4 * std::sqrt(rate * (1 - rate) / n)) << rate;
    double sum = 0, neighbours = 0;
    for (std::size_t i = 0; i < n; ++i) {
      sum += static_cast<double>(factor[i]);
      neighbours += static_cast<double>(factor[i]) * static_cast<double>(factor[(i + 1) % n]);
    }
    const double deviation = std::sqrt(rate / (1 - rate));  // of a factor
    EXPECT_NEAR(sum / n, 1, 4 * deviation / std::sqrt(n)) << rate;
    // Neighbours are independent: the mean of their product is 1, too.
    const double product = 1 / (1 - rate) / (1 - rate) - 1;  // its variance
    EXPECT_NEAR(neighbours / n, 1, 6 * std::sqrt(product / n)) << rate;
  }
}

TEST(Dropout, DropsTheSameForwardAndBackward) {
  constexpr std::int64_t n = 20011;
  Device device = Device::cpu(DType::f32);
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::training, plan, dropout_key);
  std::vector<float> ones(n, 1), gradient(n);
  const Tensor x = tape.leaf(Tensor::view(ones.data(), {n}, DType::f32),
                             Tensor::view(gradient.data(), {n}, DType::f32));
  const Tensor y = dropout(tape, x, 0.4);
  const std::vector<float> forward(y.span<float>().begin(), y.span<float>().end());
  tape.backward(y, tape.input({n}, std::span<const float>(ones)));
  EXPECT_EQ(forward, gradient);
  EXPECT_GT(std::count(forward.begin(), forward.end(), 0.0F), n / 3);
}

TEST(Dropout, DrawsOtherElementsInTheNextOp) {
  Device device = Device::cpu(DType::f32);
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::training, plan, dropout_key);
  const std::vector<float> ones(64, 1);
  const Tensor x = tape.input({64}, std::span<const float>(ones));
  const Tensor a = dropout(tape, x, 0.5), b = dropout(tape, x, 0.5);
  EXPECT_FALSE(std::equal(a.span<float>().begin(), a.span<float>().end(), b.data<float>()));
}

TEST(Dropout, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(dropout_cases().model.front());
}

TEST(Dropout, ZeroesEvenNaN) {
  ReservedWorkspace workspace(1 << 16);
  const Cpu cpu{workspace, dropout_step};
  const std::vector<double> x(256, std::numeric_limits<double>::quiet_NaN());
  std::vector<double> y(256), factor(256);
  kernels::dropout_factors(dropout_step, kernels::Dropout{0.5, dropout_key.op}, 0, 256,
                           factor.data());
  kernels::dropout(cpu, 256, {0.5, dropout_key.op}, x.data(), Gradient<double>{y.data()});
  for (std::size_t i = 0; i < 256; ++i) EXPECT_EQ(std::isnan(y[i]), factor[i] != 0) << i;
}

TEST(Dropout, IsTheIdentityInInferenceAndAtRateZero) {
  Device device = Device::cpu(DType::f32);
  const std::vector<float> values = {1, 2, 3};
  for (const auto mode : {Tape::Mode::training, Tape::Mode::inference}) {
    Arena::Plan plan;
    Tape tape(device, mode, plan, dropout_key);
    const Tensor x = tape.input({3}, std::span<const float>(values));
    EXPECT_EQ(dropout(tape, x, 0).data<float>(), x.data<float>());
    if (mode == Tape::Mode::inference) {
      EXPECT_EQ(dropout(tape, x, 0.5).data<float>(), x.data<float>());
    }
    EXPECT_EQ(tape.next_draw(), dropout_key.op) << "no random bits were needed";
  }
}

TEST(Dropout, NamesTheRateItRefuses) {
  for (const auto& [rate, text] : std::vector<std::pair<double, std::string>>{
           {1, "1"}, {-0.1, "-0.1"}, {std::numeric_limits<double>::quiet_NaN(), "nan"}}) {
    expect_op_error(
        {{4}},
        [rate = rate](Tape& tape, std::span<const Tensor> in) {
          return dropout(tape, in[0], rate);
        },
        "dropout: dropout rate must be in [0, 1), got " + text);
  }
}

}  // namespace
}  // namespace ekgine::testing
