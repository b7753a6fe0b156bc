#include "kernels/order_statistics.h"

#include <algorithm>
#include <type_traits>

#include "base/beat.h"

namespace ekgine::kernels {

namespace {

// Size: std::int64_t, or a constant of that type, for which loops become straight.
template <class Size>
std::int32_t count_below(Size n, const std::int32_t* keys, std::int32_t bound) {
  std::int32_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) count += keys[i] < bound ? 1 : 0;
  return count;
}

// Bit after bit of the answer, by how many keys are below it: 32 passes without a branch are faster
// than partitioning, half of whose branches are guessed wrong.
template <class Size>
float median(Size n, const std::int32_t* keys) {
  const auto half = static_cast<std::int32_t>(n / 2);
  std::int32_t middle = std::numeric_limits<std::int32_t>::min();
  for (std::uint32_t bit = 1U << 31; bit != 0; bit >>= 1) {
    const auto above = static_cast<std::int32_t>(static_cast<std::uint32_t>(middle) + bit);
    if (count_below(n, keys, above) <= half) middle = above;
  }
  if (n % 2 == 1) return value_of_key(middle);
  // The one before it: another such value, or the largest of those below.
  std::int32_t before = middle;
  if (count_below(n, keys, middle) == half) {
    before = std::numeric_limits<std::int32_t>::min();
    for (std::int64_t i = 0; i < n; ++i) {
      before = std::max(before, keys[i] < middle ? keys[i] : before);
    }
  }
  return (value_of_key(before) + value_of_key(middle)) / 2;
}

}  // namespace

void order_keys(std::int64_t n, const float* x, std::int32_t* keys) {
  for (std::int64_t i = 0; i < n; ++i) keys[i] = order_key(x[i]);
}

float median_of_keys(std::int64_t n, const std::int32_t* keys) {
  if (n == beat_samples) return median(std::integral_constant<std::int64_t, beat_samples>(), keys);
  return median(n, keys);
}

float range_of_keys(std::int64_t n, const std::int32_t* keys) {
  std::int32_t low = keys[0], high = low;
  for (std::int64_t i = 0; i < n; ++i) {
    low = std::min(low, keys[i]);
    high = std::max(high, keys[i]);
  }
  return value_of_key(high) - value_of_key(low);
}

}  // namespace ekgine::kernels
