// Scaled dot-product attention over several heads, with dropout on the probabilities.
//
// Vaswani et al.: "Attention is all you need", NeurIPS 2017. What is saved, and the backward
// formulas: Dao, Fu, Ermon, Rudra, Ré: "FlashAttention", NeurIPS 2022; Dao: "FlashAttention-2",
// 2023 (arXiv:2307.08691).
//
//   query, key, value, y and their gradients  (N, T, H, D)    any T, H, D ≥ 1
//   logsumexp                                 (N, H, T)       saved by forward for backward
//
// Per sequence n and head h, with i the position that asks and j the one that answers:
//
// Forward:
//   s_ij = query_i·key_j/√D;  logsumexp_i = log Σ_j e^(s_ij);  p_ij = e^(s_ij − logsumexp_i)
//   y_i = Σ_j f_ij·p_ij·value_j
//
// Backward recomputes p, so that nothing T×T is ever stored:
//   delta_i = dy_i·y_i  (= Σ_j p_ij·dp_ij);  dp_ij = f_ij·(dy_i·value_j)
//   ds_ij = p_ij·(dp_ij − delta_i)
//   dquery_i = Σ_j ds_ij·key_j/√D;  dkey_j = Σ_i ds_ij·query_i/√D;  dvalue_j = Σ_i f_ij·p_ij·dy_i
//
// f is the dropout factor (kernels/dropout.h) of element ((n·H + h)·T + i)·T + j, all 1 at rate 0.
//
// y and logsumexp are assigned; each gradient is assigned or accumulated as it says. Sums are taken
// in a fixed order (on the CPU each (n, h) by one thread): the same bits at any thread count.
#pragma once

#include "kernels/dropout.h"
#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

struct AttentionShape {
  std::int64_t sequences, positions, heads, width;  // N, T, H, D

  constexpr std::int64_t rows() const { return sequences * positions * heads; }
};

// An exponential is counted as ten operations; drawing random bits is not counted.
constexpr Cost attention_forward_cost(AttentionShape s, double element) {
  const double rows = static_cast<double>(s.rows()), t = static_cast<double>(s.positions);
  const double d = static_cast<double>(s.width);
  return {rows * t * (4 * d + 14), rows * (4 * d + 1) * element};
}
constexpr Cost attention_backward_cost(AttentionShape s, double element) {
  const double rows = static_cast<double>(s.rows()), t = static_cast<double>(s.positions);
  const double d = static_cast<double>(s.width);
  return {rows * (t * (10 * d + 15) + 2 * d), rows * (8 * d + 1) * element};
}

template <class T>
void attention_forward(const Cpu& cpu, AttentionShape s, const Dropout& dropout, const T* query,
                       const T* key, const T* value, T* y, T* logsumexp);

template <class T>
void attention_backward(const Cpu& cpu, AttentionShape s, const Dropout& dropout, const T* query,
                        const T* key, const T* value, const T* y, const T* logsumexp, const T* dy,
                        Gradient<T> dquery, Gradient<T> dkey, Gradient<T> dvalue);

// On CUDA, D ≤ 128. bfloat16 on sm_80 and later, and float where cuda.tf32 allows it there, use
// tensor cores for more than 8 positions: products of factors rounded to bfloat16 or TF32 (the
// probabilities, too), summed in float. All else is float throughout.
// Errors: D > 128.
template <class T>
void attention_forward(const Cuda& cuda, AttentionShape s, const Dropout& dropout, const T* query,
                       const T* key, const T* value, T* y, float* logsumexp);

template <class T>
void attention_backward(const Cuda& cuda, AttentionShape s, const Dropout& dropout, const T* query,
                        const T* key, const T* value, const T* y, const float* logsumexp,
                        const T* dy, Gradient<T> dquery, Gradient<T> dkey, Gradient<T> dvalue);

}  // namespace ekgine::kernels
