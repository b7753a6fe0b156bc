// What the compositions of bench/composed_ops.h are made of, beside kernels of ours.
//
// On the CPU everything is float; on CUDA as kernels/runtime/kernel.h says.
#pragma once

#include "kernels/depthwise_conv1d.h"
#include "kernels/runtime/cpu.h"

namespace ekgine::composed {

// A matrix per head of every sequence: how many elements it is from one sequence, head, row and
// column to the next. Rows or columns are 1 apart.
struct HeadMatrices {
  std::int64_t sequence, head, row, column;

  constexpr HeadMatrices transposed() const { return {sequence, head, column, row}; }
};

// c (M,N) = a (M,K)·b (K,N) for every head of every sequence; c's columns are 1 apart.
struct HeadProduct {
  std::int64_t sequences, heads, m, n, k;
  HeadMatrices a, b, c;
};

// c is assigned or accumulated.
void multiply(const Cpu& cpu, const HeadProduct& p, const float* a, const float* b,
              Gradient<float> c);

// Scores (R,C) become probabilities in place: p = softmax(scale·s) of each row.
void softmax_rows(const Cpu& cpu, std::int64_t rows, std::int64_t columns, float scale,
                  float* scores);
template <class T>
void softmax_rows(const Cuda& cuda, std::int64_t rows, std::int64_t columns, float scale,
                  T* scores);

// dscores = scale·p·(dp − Σ_row p·dp)
void softmax_rows_backward(const Cpu& cpu, std::int64_t rows, std::int64_t columns, float scale,
                           const float* p, const float* dp, float* dscores);
template <class T>
void softmax_rows_backward(const Cuda& cuda, std::int64_t rows, std::int64_t columns, float scale,
                           const T* p, const T* dp, T* dscores);

// One tap: y[n,t,c] += weight[c]·x[n,t+shift,c] where that position exists; an assigned y begins as
// bias[c], or as 0 where bias is null. weight and bias are (C).
void add_shifted(const Cpu& cpu, kernels::DepthwiseConv1dShape s, std::int64_t shift,
                 const float* weight, const float* bias, const float* x, Gradient<float> y);
template <class T>
void add_shifted(const Cuda& cuda, kernels::DepthwiseConv1dShape s, std::int64_t shift,
                 const float* weight, const float* bias, const T* x, Gradient<T> y);

// Its weight's gradient, 0 where no position has that neighbour: dweight[c] = or += Σ_{n,t}
// dy[n,t,c]·x[n,t+shift,c].
void sum_shifted(const Cpu& cpu, kernels::DepthwiseConv1dShape s, std::int64_t shift,
                 const float* x, const float* dy, Gradient<float> dweight);
template <class T>
void sum_shifted(const Cuda& cuda, kernels::DepthwiseConv1dShape s, std::int64_t shift, const T* x,
                 const T* dy, Gradient<float> dweight);

}  // namespace ekgine::composed
