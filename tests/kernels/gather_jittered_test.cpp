#include "kernels/gather_jittered.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <span>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/support/expect_error.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

constexpr Step jitter_step{.seed = 7, .number = 12};

// The factors that rows of ones get.
std::vector<float> factors(const std::vector<std::int32_t>& ids, double deviation,
                           const Step& at = jitter_step) {
  ReservedWorkspace workspace(1 << 16);
  const std::vector<float> ones(3, 1.0F);
  const std::vector<std::int32_t> index(ids.size(), 0);
  std::vector<float> y(3 * ids.size(), -1.0F), found;
  kernels::gather_jittered<float>(Cpu{workspace, at}, {1, 3, std::ssize(ids), 0}, {deviation},
                                  ones.data(), index.data(), ids.data(), nullptr, nullptr,
                                  y.data());
  for (std::size_t u = 0; u < ids.size(); ++u) {
    found.push_back(y[3 * u]);
    EXPECT_EQ(y[3 * u + 1], y[3 * u]);
    EXPECT_EQ(y[3 * u + 2], y[3 * u]);
  }
  return found;
}

TEST(GatherJittered, DrawsFactorsOfTheStatedSpread) {
  std::vector<std::int32_t> ids(20000);
  std::iota(ids.begin(), ids.end(), 0);
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
TEST(GatherJittered, DependsOnTheIdNotOnThePlace) {
  const std::vector<float> all = factors({3, 4, 5, 900}, 0.25);
  EXPECT_EQ(factors({900, 3, 3}, 0.25), (std::vector<float>{all[3], all[0], all[0]}));
  EXPECT_NE(all[0], all[1]);
}

TEST(GatherJittered, DrawsAnewForEveryStepAndSeed) {
  const std::vector<float> now = factors({1, 2}, 0.25);
  Step next = jitter_step, other = jitter_step;
  ++next.number;
  ++other.seed;
  EXPECT_NE(factors({1, 2}, 0.25, next), now);
  EXPECT_NE(factors({1, 2}, 0.25, other), now);
}

TEST(GatherJittered, CopiesWithoutDeviation) {
  EXPECT_EQ(factors({1, 2, 3}, 0), std::vector<float>(3, 1.0F));
}

// Where rows count upwards and nothing is typical, the middle value tells the shift.
std::vector<std::int64_t> shifts(const std::vector<std::int32_t>& ids, std::int64_t most,
                                 const Step& at = jitter_step) {
  constexpr std::int64_t channels = 101;
  ReservedWorkspace workspace(1 << 16);
  std::vector<float> x(channels), typical(channels, 2.5F);
  std::iota(x.begin(), x.end(), 0.0F);
  const std::vector<std::int32_t> zeros(ids.size(), 0);
  std::vector<float> y(channels * ids.size());
  kernels::gather_jittered(Cpu{workspace, at}, {1, channels, std::ssize(ids), 1}, {.shift = most},
                           x.data(), zeros.data(), ids.data(), typical.data(), zeros.data(),
                           y.data());
  std::vector<std::int64_t> found;
  for (std::size_t u = 0; u < ids.size(); ++u) {
    const auto row = std::span(y).subspan(channels * u, channels);
    found.push_back(static_cast<std::int64_t>(row[channels / 2]) - channels / 2);
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t k = std::clamp<std::int64_t>(c + found.back(), 0, channels - 1);
      EXPECT_EQ(row[static_cast<std::size_t>(c)], static_cast<float>(k)) << c;
    }
  }
  return found;
}

TEST(GatherJittered, ShiftsByEveryNumberOfSamplesAsOften) {
  std::vector<std::int32_t> ids(14'000);
  std::iota(ids.begin(), ids.end(), 0);
  std::map<std::int64_t, double> count;
  for (const std::int64_t shift : shifts(ids, 3)) ++count[shift];
  ASSERT_EQ(count.size(), 7u);
  for (std::int64_t shift = -3; shift <= 3; ++shift) {
    EXPECT_NEAR(count[shift], 2000, 4 * std::sqrt(2000)) << shift;
  }
}

TEST(GatherJittered, ShiftsAnewForEveryStepAndSeedByTheIdAlone) {
  const std::vector<std::int32_t> ids = {3, 4, 5, 900, 901, 902};
  const std::vector<std::int64_t> now = shifts(ids, 40);
  Step next = jitter_step, other = jitter_step;
  ++next.number;
  ++other.seed;
  EXPECT_NE(shifts(ids, 40, next), now);
  EXPECT_NE(shifts(ids, 40, other), now);
  EXPECT_EQ(shifts({900, 3, 3}, 40), (std::vector<std::int64_t>{now[3], now[0], now[0]}));
}

// What a window that was put elsewhere would have held: cut at R + s and measured by the record's
// typical beat, but where the signal beyond the window is not known.
TEST(GatherJittered, GivesTheDeviationOfAShiftedWindow) {
  constexpr std::int64_t channels = 40;
  ReservedWorkspace workspace(1 << 16);
  const auto signal = [](std::int64_t t) { return std::sin(0.3 * static_cast<double>(t)); };
  const auto usual = [](std::int64_t t) { return std::cos(0.2 * static_cast<double>(t)); };
  std::vector<double> x, typical(channels, 0);  // of another record
  for (std::int64_t c = 0; c < channels; ++c) {
    x.push_back(signal(c) - usual(c));
    typical.push_back(usual(c));
  }
  const std::vector<std::int32_t> index(8, 0), records(8, 1), ids = {0, 1, 2, 3, 4, 5, 6, 7};
  std::vector<double> y(8 * channels);
  kernels::gather_jittered(Cpu{workspace, jitter_step}, {1, channels, 8, 2}, {.shift = 6}, x.data(),
                           index.data(), ids.data(), typical.data(), records.data(), y.data());
  for (std::int64_t u = 0; u < 8; ++u) {
    const std::int64_t s = kernels::time_shift(jitter_step, static_cast<std::int32_t>(u), 6);
    for (std::int64_t c = std::max<std::int64_t>(0, -s);
         c < channels - std::max<std::int64_t>(0, s); ++c) {
      ASSERT_NEAR(y[static_cast<std::size_t>(u * channels + c)], signal(c + s) - usual(c), 1e-14)
          << "shift " << s << ", sample " << c;
    }
  }
}

TEST(GatherJittered, RefusesRowsThatAreNotThere) {
  ReservedWorkspace workspace(1 << 16);
  const std::vector<float> x(4);
  std::vector<float> y(4, 7.0F);
  const auto gather = [&](std::vector<std::int32_t> index, std::vector<std::int32_t> records,
                          std::int64_t shift) {
    const std::vector<std::int32_t> ids = {0, 0};
    kernels::gather_jittered(Cpu{workspace}, {2, 2, 2, 2}, {.deviation = 0.25, .shift = shift},
                             x.data(), index.data(), ids.data(), x.data(), records.data(),
                             y.data());
  };
  EXPECT_ERROR(gather({1, 2}, {0, 0}, 0), "gather_jittered: index 1 of 2 is 2, x has 2 rows");
  EXPECT_ERROR(gather({1, -1}, {0, 0}, 1), "gather_jittered: index 1 of 2 is -1, x has 2 rows");
  EXPECT_ERROR(gather({1, 0}, {2, 0}, 1),
               "gather_jittered: record 0 of 2 is 2, typical has 2 rows");
  EXPECT_EQ(y, std::vector<float>(4, 7.0F));
  gather({1, 0}, {2, -1}, 0);  // not looked at
}

}  // namespace
}  // namespace ekgine::testing
