#include "kernels/philox.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ekgine {
namespace {

using Words = std::array<std::uint32_t, 4>;

// kat_vectors of the Random123 distribution, philox4x32 with 10 rounds. The counter's words are
// block (low, high), op, step; the key's are seed (low, high).
TEST(Philox, AgreesWithTheKnownAnswers) {
  EXPECT_EQ(philox({}, 0), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(
      philox({.seed = ~std::uint64_t{0}, .step = 0xffffffff, .op = 0xffffffff}, ~std::uint64_t{0}),
      (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  // The digits of pi.
  EXPECT_EQ(philox({.seed = 0x299f31d0'a4093822, .step = 0x03707344, .op = 0x13198a2e},
                   0x85a308d3'243f6a88),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, IsAConstantExpression) {
  static_assert(philox({}, 0)[0] == 0x6627e8d5);
}

TEST(Philox, CutsTheStreamIntoBlocksOfFourWords) {
  const RandomKey key{.seed = 12345678901234567, .step = 7, .op = 9};
  for (std::uint64_t i = 0; i < 12; ++i) {
    EXPECT_EQ(random_word(key, i), philox(key, i / 4)[i % 4]) << "word " << i;
  }
  const std::uint64_t far = std::uint64_t{1} << 40;  // beyond 32 bits
  EXPECT_EQ(random_word(key, far + 2), philox(key, far / 4)[2]);
  EXPECT_NE(philox(key, far / 4), philox(key, 0));
}

TEST(Philox, DependsOnEveryPartOfTheKey) {
  const RandomKey key{.seed = 1, .step = 2, .op = 3};
  const Words words = philox(key, 4);
  EXPECT_NE(philox({.seed = 1, .step = 3, .op = 2}, 4), words);
  EXPECT_NE(philox({.seed = 1 + (std::uint64_t{1} << 32), .step = 2, .op = 3}, 4), words);
  EXPECT_NE(philox({.seed = 2, .step = 2, .op = 3}, 4), words);
  EXPECT_NE(philox(key, 5), words);
}

TEST(Philox, DrawsUniformNumbersInTheUnitInterval) {
  const RandomKey key{.seed = 42, .step = 0, .op = 0};
  constexpr int n = 1 << 16;
  double sum = 0, squares = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    const double u = random_uniform(key, i);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ASSERT_EQ(static_cast<double>(static_cast<float>(u)), u) << "not exact in float";
    ASSERT_EQ(u, std::floor(random_word(key, i) / 256.0) / 16777216.0);
    sum += u;
    squares += u * u;
  }
  // Four standard deviations of the mean (0.289/√n) and of the mean square (0.298/√n).
  EXPECT_NEAR(sum / n, 0.5, 4 * 0.289 / 256);
  EXPECT_NEAR(squares / n, 1.0 / 3, 4 * 0.298 / 256);
}

}  // namespace
}  // namespace ekgine
