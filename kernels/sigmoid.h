// The logistic function, as the kernels that use it share it.
#pragma once

#include <cmath>

namespace ekgine::kernels {

template <class T>
struct Sigmoid {
  T value;       // σ(x) = 1/(1 + e^−x)
  T complement;  // 1 − σ(x) = σ(−x), without cancellation
};

// Only e^−|x| is taken, which cannot overflow: both tails keep their relative accuracy.
template <class T>
Sigmoid<T> sigmoid(T x) {
  const T e = std::exp(-std::abs(x));
  const T large = T(1) / (T(1) + e), small = e * large;
  return x >= 0 ? Sigmoid<T>{large, small} : Sigmoid<T>{small, large};
}

}  // namespace ekgine::kernels
