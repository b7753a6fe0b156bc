// Softmax, and the class-weighted cross-entropy of its result with integer labels.
//
// Goodfellow, Bengio, Courville: "Deep learning", 2016, sections 4.1 (stable softmax) and 6.2.2.3.
//
//   logits, probabilities, dlogits (B, C)
//   labels (B) in [0, C);  class_weights (C);  loss, dloss (1)
//
// Forward, per row z with its largest element m:
//   p = e^(z − m) / Σ e^(z − m)
//   loss = Σ_rows class_weights[label]·(log Σ e^(z − m) − (z[label] − m)) / A
//
// Backward: dlogits = dloss·class_weights[label]/A·(p − onehot(label))
//
// Saved: probabilities. The loss divides by A, the number of rows, here or, where ranks share a
// batch, in all of it; not by the sum of their weights (Keras' sum_over_batch_size). A NaN logit
// gives a NaN loss and NaN probabilities in its row. probabilities and loss are assigned; dlogits
// is assigned or accumulated as it says. The loss is summed in a fixed order, on the CPU in double
// and in that of the rows: the same bits at any thread count.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct SoftmaxShape {
  std::int64_t rows, classes;  // B, of a loss ≥ 1; C
  std::int64_t all = rows;     // A
};

// An exponential is counted as ten operations.
constexpr Cost softmax_cost(SoftmaxShape s, double element) {
  const double n = static_cast<double>(s.rows) * static_cast<double>(s.classes);
  return {14 * n, 2 * n * element};
}
constexpr Cost softmax_cross_entropy_forward_cost(SoftmaxShape s, double element) {
  const double n = static_cast<double>(s.rows) * static_cast<double>(s.classes);
  return {14 * n, 2 * n * element + 4 * static_cast<double>(s.rows)};
}
constexpr Cost softmax_cross_entropy_backward_cost(SoftmaxShape s, double element) {
  const double n = static_cast<double>(s.rows) * static_cast<double>(s.classes);
  return {2 * n, 2 * n * element + 4 * static_cast<double>(s.rows)};
}

template <class T>
void softmax(const Cpu& cpu, SoftmaxShape s, const T* logits, T* probabilities);
template <class T>
void softmax(const Cuda& cuda, SoftmaxShape s, const T* logits, float* probabilities);

// Errors: a label outside [0, C), before anything is written.
template <class T>
void softmax_cross_entropy_forward(const Cpu& cpu, SoftmaxShape s, const T* logits,
                                   const std::int32_t* labels, const T* class_weights,
                                   T* probabilities, T* loss);
// The labels are on the device, so none is refused: one outside [0, C) makes the loss NaN and, in
// backward, its row of dlogits.
template <class T>
void softmax_cross_entropy_forward(const Cuda& cuda, SoftmaxShape s, const T* logits,
                                   const std::int32_t* labels, const float* class_weights,
                                   float* probabilities, float* loss);

template <class T>
void softmax_cross_entropy_backward(const Cpu& cpu, SoftmaxShape s, const T* probabilities,
                                    const std::int32_t* labels, const T* class_weights,
                                    const T* dloss, Gradient<T> dlogits);
template <class T>
void softmax_cross_entropy_backward(const Cuda& cuda, SoftmaxShape s, const float* probabilities,
                                    const std::int32_t* labels, const float* class_weights,
                                    const float* dloss, Gradient<T> dlogits);

}  // namespace ekgine::kernels
