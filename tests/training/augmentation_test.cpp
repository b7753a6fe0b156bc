#include "training/augmentation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/beat.h"

namespace ekgine {
namespace {

constexpr RandomKey key{.seed = 7, .step = 12, .op = 0};

// The factors that beats get: jittered ones.
std::vector<float> factors(const std::vector<std::int32_t>& beat_ids, double deviation,
                           RandomKey at = key) {
  std::vector<float> beats(beat_ids.size() * beat_samples, 1.0F);
  jitter_amplitudes(beats, beat_ids, deviation, at);
  std::vector<float> found;
  for (std::size_t u = 0; u < beat_ids.size(); ++u) {
    const auto first = beats.begin() + static_cast<std::ptrdiff_t>(u * beat_samples);
    found.push_back(*first);
    EXPECT_EQ(std::vector<float>(first, first + beat_samples),
              std::vector<float>(beat_samples, *first));
  }
  return found;
}

TEST(JitterAmplitudes, DrawsFactorsOfTheStatedSpread) {
  std::vector<std::int32_t> ids(20000);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i);
  double sum = 0, squares = 0;
  for (const float factor : factors(ids, 0.3)) {
    const double z = std::log(static_cast<double>(factor)) / 0.3;
    sum += z;
    squares += z * z;
  }
  const auto n = static_cast<double>(ids.size());
  EXPECT_NEAR(sum / n, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 4 * std::sqrt(2 / n));
}

// Shared or encoded for each sequence, in whatever place of a batch: the same beat looks the same.
TEST(JitterAmplitudes, DependsOnTheBeatNotOnItsPlace) {
  const std::vector<float> all = factors({3, 4, 5, 900}, 0.25);
  EXPECT_EQ(factors({900, 3, 3}, 0.25), (std::vector<float>{all[3], all[0], all[0]}));
  EXPECT_NE(all[0], all[1]);
}

TEST(JitterAmplitudes, DrawsAnewForEveryStepAndSeed) {
  const std::vector<float> now = factors({1, 2}, 0.25);
  RandomKey next = key, other = key, op = key;
  ++next.step;
  ++other.seed;
  ++op.op;
  EXPECT_NE(factors({1, 2}, 0.25, next), now);
  EXPECT_NE(factors({1, 2}, 0.25, other), now);
  EXPECT_EQ(factors({1, 2}, 0.25, op), now);
}

}  // namespace
}  // namespace ekgine
