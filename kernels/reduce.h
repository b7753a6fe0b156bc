// Sums over the rows of a matrix: the gradient of a vector that was added to every row.
//
//   x    (R,C)
//   sum  (C)
//
//   sum[c] = Σ_r x[r,c]
//
// sum is assigned or accumulated as it says; of no rows it is 0. Deterministic at a given thread
// count; on CUDA, where x is T and sum is float, the same bits on every device.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

constexpr Cost sum_rows_cost(std::int64_t rows, std::int64_t columns, double element) {
  const double in = static_cast<double>(rows * columns);
  return {in, in * element + static_cast<double>(columns) * sizeof(float)};
}

template <class T>
void sum_rows(const Cpu& cpu, std::int64_t rows, std::int64_t columns, const T* x, Gradient<T> sum);

template <class T>
void sum_rows(const Cuda& cuda, std::int64_t rows, std::int64_t columns, const T* x,
              Gradient<float> sum);

}  // namespace ekgine::kernels
