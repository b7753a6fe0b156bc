// Medians and ranges of floats by integers of the same order, which are compared, counted and
// reduced a vector at a time, as an order-preserving minimum of floats is not.
//
// On the CPU alone: what recordings are measured by before they are data of a model.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace ekgine::kernels {

// A float, finite, as an integer of the same order; both zeros are one.
inline std::int32_t order_key(float x) {
  const auto bits = std::bit_cast<std::int32_t>(x + 0.0F);
  return bits ^ (bits >> 31 & std::numeric_limits<std::int32_t>::max());
}

// The inverse.
inline float value_of_key(std::int32_t key) {
  return std::bit_cast<float>(key ^ (key >> 31 & std::numeric_limits<std::int32_t>::max()));
}

// keys = order_key(x), elementwise.
void order_keys(std::int64_t n, const float* x, std::int32_t* keys);

// The median of n ≥ 1 values, of which the keys are given: the mean of the two middle ones where n
// is even.
float median_of_keys(std::int64_t n, const std::int32_t* keys);

// The largest of n ≥ 1 values less the smallest.
float range_of_keys(std::int64_t n, const std::int32_t* keys);

}  // namespace ekgine::kernels
