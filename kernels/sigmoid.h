// The logistic function, as the kernels that use it share it.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace ekgine::kernels {

// e^x for x ≤ 0 (or NaN), without a branch or a call, so that loops over it are vectorised.
inline double exp_of_negative(double x) {
  return std::exp(x);
}
// Relative error below 1e-7: e^x = 2ⁿ·e^r with |r| ≤ ln 2/2, where Taylor's polynomial of degree 7
// leaves 5e-9. ln 2 is taken in two parts, of which n times the first is exact.
inline float exp_of_negative(float x) {
  constexpr float upper = 0.693359375F, lower = -2.12194440e-4F;
  constexpr float rounding = 0x1.8p23F;       // adding it leaves a whole number in the lowest bits
  const float t = x < -104.0F ? -104.0F : x;  // e^−104 is 0
  const float shifted = t * 1.44269504F + rounding, n = shifted - rounding;
  const float r = (t - n * upper) - n * lower;
  float p = 1.0F / 5040;
  p = p * r + 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  // 2ⁿ in two factors: from n = −127 on it is no normal number.
  const std::int32_t exponent = static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(shifted) -
                                                          std::bit_cast<std::uint32_t>(rounding));
  const std::int32_t half = exponent / 2;
  const auto power = [](std::int32_t k) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(k + 127) << 23);
  };
  return p * power(half) * power(exponent - half);
}

template <class T>
struct Sigmoid {
  T value;       // σ(x) = 1/(1 + e^−x)
  T complement;  // 1 − σ(x) = σ(−x), without cancellation
};

// Only e^−|x| is taken, which cannot overflow: both tails keep their relative accuracy. Always
// inlined, as loops with calls are not vectorised.
template <class T>
[[gnu::always_inline]] inline Sigmoid<T> sigmoid(T x) {
  const T e = exp_of_negative(-std::abs(x));
  const T large = T(1) / (T(1) + e), small = e * large;
  return x >= 0 ? Sigmoid<T>{large, small} : Sigmoid<T>{small, large};
}

}  // namespace ekgine::kernels
