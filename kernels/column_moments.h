// Mean and spread of the columns of a matrix.
//
//   x              (rows, columns), floats
//   mean, squares  (columns), doubles; assigned
//
// mean is that of the rows, squares the sum of squared deviations from it, both summed in double in
// the order of the rows: first the mean, then the squares. rows ≥ 1. On the CPU alone: what inputs
// are normalised with is found before they are data of a model.
#pragma once

#include <cstdint>

namespace ekgine::kernels {

void column_moments(std::int64_t rows, std::int64_t columns, const float* x, double* mean,
                    double* squares);

}  // namespace ekgine::kernels
