// Layer normalisation over the last axis.
//
// Ba, Kiros, Hinton: "Layer normalization", 2016 (arXiv:1607.06450).
//
//   x, y, dx, dy   (rows, C)     rows = all leading axes
//   weight, bias, dweight, dbias (C)
//   mean, rstd     (rows)        saved by forward for backward
//
// Forward, per row:
//   mean = Σ x / C;  variance = Σ (x − mean)² / C  (two passes: a large offset costs no accuracy)
//   rstd = 1 / √(variance + ε);  x̂ = (x − mean)·rstd;  y = x̂·weight + bias
//
// Backward, with g = dy·weight:
//   dx = rstd·(g − Σ g / C − x̂·Σ(g·x̂) / C)
//   dweight = Σ_rows dy·x̂;  dbias = Σ_rows dy
//
// y, mean, rstd are assigned; each gradient is assigned or accumulated as it says. Deterministic:
// on the CPU at a given thread count, on CUDA always. On CUDA C is at most 4096: an Error
// otherwise.
//
// With the residual sum that it normalises (add_layer_norm_forward), in one pass:
//   sum = a + α·dropout(b) (rows, C), assigned;  mean, rstd and y from sum as above
// where `dropout`, of rate 0 for none, drops elements as kernels/dropout.h says; its `times` is 1.
// Its backward is in one pass, too, with dsum (rows, C), what else the gradient of sum is made of,
// or null for nothing, and dropout's `times` α:
//   total = dsum + the dx of layer_norm with x = sum, rounded to T
//   da = total;  db = dropout(total), or α·total for rate 0
// da may be dsum's memory, where it is assigned; da and db may be one, where db accumulates.
#pragma once

#include "kernels/dropout.h"
#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct LayerNormShape {
  std::int64_t rows, channels;  // rows, C
};

constexpr Cost layer_norm_forward_cost(LayerNormShape s, double element) {
  const double n = static_cast<double>(s.rows) * static_cast<double>(s.channels);
  return {8 * n, 2 * n * element};
}
constexpr Cost layer_norm_backward_cost(LayerNormShape s, double element) {
  const double n = static_cast<double>(s.rows) * static_cast<double>(s.channels);
  return {14 * n, 3 * n * element};
}
constexpr Cost add_layer_norm_forward_cost(LayerNormShape s, double element) {
  const double n = static_cast<double>(s.rows) * static_cast<double>(s.channels);
  return {10 * n, 4 * n * element};
}
constexpr Cost add_layer_norm_backward_cost(LayerNormShape s, double element) {
  const double n = static_cast<double>(s.rows) * static_cast<double>(s.channels);
  return {16 * n, 5 * n * element};
}

template <class T>
void layer_norm_forward(const Cpu& cpu, LayerNormShape s, T epsilon, const T* x, const T* weight,
                        const T* bias, T* y, T* mean, T* rstd);
template <class T>
void layer_norm_forward(const Cuda& cuda, LayerNormShape s, float epsilon, const T* x,
                        const float* weight, const float* bias, T* y, float* mean, float* rstd);

template <class T>
void add_layer_norm_forward(const Cpu& cpu, LayerNormShape s, T epsilon, const T* a, T alpha,
                            const T* b, const Dropout& dropout, const T* weight, const T* bias,
                            T* sum, T* y, T* mean, T* rstd);
template <class T>
void add_layer_norm_forward(const Cuda& cuda, LayerNormShape s, float epsilon, const T* a,
                            float alpha, const T* b, const Dropout& dropout, const float* weight,
                            const float* bias, T* sum, T* y, float* mean, float* rstd);

template <class T>
void layer_norm_backward(const Cpu& cpu, LayerNormShape s, const T* x, const T* weight,
                         const T* mean, const T* rstd, const T* dy, Gradient<T> dx,
                         Gradient<T> dweight, Gradient<T> dbias);
template <class T>
void layer_norm_backward(const Cuda& cuda, LayerNormShape s, const T* x, const float* weight,
                         const float* mean, const float* rstd, const T* dy, Gradient<T> dx,
                         Gradient<float> dweight, Gradient<float> dbias);

template <class T>
void add_layer_norm_backward(const Cpu& cpu, LayerNormShape s, const T* sum, const T* weight,
                             const T* mean, const T* rstd, const T* dsum, const T* dy,
                             const Dropout& dropout, Gradient<T> da, Gradient<T> db,
                             Gradient<T> dweight, Gradient<T> dbias);
template <class T>
void add_layer_norm_backward(const Cuda& cuda, LayerNormShape s, const T* sum, const float* weight,
                             const float* mean, const float* rstd, const T* dsum, const T* dy,
                             const Dropout& dropout, Gradient<T> da, Gradient<T> db,
                             Gradient<float> dweight, Gradient<float> dbias);

}  // namespace ekgine::kernels
