// Products of small matrices of floats that lie in a core's cache, by one thread.
#pragma once

#include "kernels/runtime/simd.h"

namespace ekgine::simd {

namespace detail {

// c (R,V·lanes) (+)= a·b over k, where element (r,k) of a stands at a[r·a_row + k·a_k], rows of b
// at b_row and of c at c_row from each other.
template <int R, int V>
[[gnu::always_inline]] inline void multiply_tile(std::int64_t k, const float* a, std::int64_t a_row,
                                                 std::int64_t a_k, const float* b,
                                                 std::int64_t b_row, float* c, std::int64_t c_row,
                                                 bool accumulate) {
  Floats sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      sum[r][v] = accumulate ? load(c + r * c_row + v * lanes) : Floats{};
    }
  }
  for (std::int64_t i = 0; i < k; ++i) {
    Floats row[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) row[v] = load(b + v * lanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[r][v] += a[r * a_row] * row[v];
    }
    a += a_k;
    b += b_row;
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(c + r * c_row + v * lanes, sum[r][v]);
  }
}

// So many rows of two vectors fit, with room for a row of b.
constexpr int rows_at_once = lanes == 16 ? 8 : 6;

}  // namespace detail

// c (rows, columns) = or += a·b over k. Element (r,i) of a stands at a[r·a_row + i·a_k]; rows of b
// and c are contiguous, b_row and c_row from each other. columns is a multiple of lanes.
template <int R = detail::rows_at_once>
void multiply(std::int64_t rows, std::int64_t columns, std::int64_t k, const float* a,
              std::int64_t a_row, std::int64_t a_k, const float* b, std::int64_t b_row, float* c,
              std::int64_t c_row, bool accumulate) {
  for (; rows >= R; rows -= R, a += R * a_row, c += R * c_row) {
    std::int64_t v = 0;
    for (; v + 2 * lanes <= columns; v += 2 * lanes) {
      detail::multiply_tile<R, 2>(k, a, a_row, a_k, b + v, b_row, c + v, c_row, accumulate);
    }
    if (v < columns)
      detail::multiply_tile<R, 1>(k, a, a_row, a_k, b + v, b_row, c + v, c_row, accumulate);
  }
  if constexpr (R > 1) {
    if (rows > 0) {
      multiply<R - 1>(rows, columns, k, a, a_row, a_k, b, b_row, c, c_row, accumulate);
    }
  }
}

}  // namespace ekgine::simd
