#include "kernels/column_moments.h"

#include <algorithm>

namespace ekgine::kernels {

void column_moments(std::int64_t rows, std::int64_t columns, const float* x, double* mean,
                    double* squares) {
  std::fill_n(mean, columns, 0.0);
  std::fill_n(squares, columns, 0.0);
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* const values = x + row * columns;
    for (std::int64_t t = 0; t < columns; ++t) mean[t] += values[t];
  }
  for (std::int64_t t = 0; t < columns; ++t) mean[t] /= static_cast<double>(rows);
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* const values = x + row * columns;
    for (std::int64_t t = 0; t < columns; ++t) {
      const double deviation = values[t] - mean[t];
      squares[t] += deviation * deviation;
    }
  }
}

}  // namespace ekgine::kernels
