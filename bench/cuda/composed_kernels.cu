#include "bench/composed_kernels.h"
#include "kernels/device/gradient.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/reduce.h"
#include "kernels/runtime/launch.cuh"

namespace ekgine::composed {

namespace {

using namespace device;
using kernels::DepthwiseConv1dShape;

constexpr int warps = 8;  // of a block, each of which takes a row

__device__ __forceinline__ std::int64_t row_of_warp() {
  return static_cast<std::int64_t>(blockIdx.x) * warps + threadIdx.x / 32;
}

// Calls body(c) for the calling lane's every V-th part of a row.
template <int V, class Body>
__device__ __forceinline__ void for_row(std::int64_t columns, const Body& body) {
  for (std::int64_t c = static_cast<std::int64_t>(threadIdx.x % 32) * V; c < columns; c += 32 * V) {
    body(c);
  }
}

// The first walk over a row is from memory, the others find it in the cache.
template <class T, int V>
__global__ void __launch_bounds__(warps * 32)
    softmax(std::int64_t rows, std::int64_t columns, float scale, T* scores) {
  const std::int64_t row = row_of_warp();
  if (row >= rows) return;
  T* const s = scores + row * columns;
  float largest = -INFINITY, sum = 0;
  for_row<V>(columns, [&](std::int64_t c) {
    float v[V];
    load(v, s + c);
#pragma unroll
    for (int e = 0; e < V; ++e) largest = fmaxf(largest, v[e]);
  });
  largest = warp_max(largest);
  for_row<V>(columns, [&](std::int64_t c) {
    float v[V];
    load(v, s + c);
#pragma unroll
    for (int e = 0; e < V; ++e) sum += expf(scale * (v[e] - largest));
  });
  const float share = 1 / warp_sum(sum);
  for_row<V>(columns, [&](std::int64_t c) {
    float v[V];
    load(v, s + c);
#pragma unroll
    for (int e = 0; e < V; ++e) v[e] = share * expf(scale * (v[e] - largest));
    store(s + c, v);
  });
}

template <class T, int V>
__global__ void __launch_bounds__(warps * 32)
    softmax_backward(std::int64_t rows, std::int64_t columns, float scale, const T* p, const T* dp,
                     T* dscores) {
  const std::int64_t row = row_of_warp();
  if (row >= rows) return;
  const std::int64_t first = row * columns;
  float sum = 0;
  for_row<V>(columns, [&](std::int64_t c) {
    float a[V], b[V];
    load(a, p + first + c);
    load(b, dp + first + c);
#pragma unroll
    for (int e = 0; e < V; ++e) sum += a[e] * b[e];
  });
  sum = warp_sum(sum);
  for_row<V>(columns, [&](std::int64_t c) {
    float a[V], b[V];
    load(a, p + first + c);
    load(b, dp + first + c);
#pragma unroll
    for (int e = 0; e < V; ++e) a[e] = scale * a[e] * (b[e] - sum);
    store(dscores + first + c, a);
  });
}

// Whether any position has one so far away.
bool exists(DepthwiseConv1dShape s, std::int64_t shift) {
  return shift > -s.positions && shift < s.positions;
}

// Position t + shift of row (n,t): the row it is, or -1.
__device__ __forceinline__ std::int64_t shifted(DepthwiseConv1dShape s, std::int64_t row,
                                                std::int64_t shift) {
  const std::int64_t t = row % s.positions + shift;
  return t >= 0 && t < s.positions ? row + shift : -1;
}

template <class T, int V>
__global__ void __launch_bounds__(row_threads)
    add_tap(DepthwiseConv1dShape s, std::int64_t shift, const float* weight, const float* bias,
            const T* x, Gradient<T> y) {
  const std::int64_t row = row_of_thread();
  if (row >= s.sequences * s.positions) return;
  const std::int64_t from = shifted(s, row, shift);
  if (from < 0 && y.accumulate) return;
  for (std::int64_t c = threadIdx.x * V; c < s.channels; c += blockDim.x * V) {
    float sum[V] = {}, w[V], in[V];
    if (bias != nullptr && !y.accumulate) load(sum, bias + c);
    if (from >= 0) {
      load(w, weight + c);
      load(in, x + from * s.channels + c);
#pragma unroll
      for (int e = 0; e < V; ++e) sum[e] += w[e] * in[e];
    }
    put(y, row * s.channels + c, sum);
  }
}

template <class T, int V>
__global__ void __launch_bounds__(row_threads)
    multiply_tap(DepthwiseConv1dShape s, std::int64_t shift, const T* x, const T* dy, T* products) {
  const std::int64_t row = row_of_thread();
  if (row >= s.sequences * s.positions) return;
  const std::int64_t from = shifted(s, row, shift);
  for (std::int64_t c = threadIdx.x * V; c < s.channels; c += blockDim.x * V) {
    float product[V] = {}, in[V], out[V];
    if (from >= 0) {
      load(in, x + from * s.channels + c);
      load(out, dy + row * s.channels + c);
#pragma unroll
      for (int e = 0; e < V; ++e) product[e] = in[e] * out[e];
    }
    store(products + row * s.channels + c, product);
  }
}

// Calls body(V): how many elements a thread takes at a time.
template <class T, class Body>
void with_width(std::int64_t columns, bool aligned, const Body& body) {
  constexpr int width = vector_width<T>;
  if (columns % width == 0 && aligned) {
    body(std::integral_constant<int, width>{});
  } else {
    body(std::integral_constant<int, 1>{});
  }
}

Grid warp_grid(std::int64_t rows) {
  return {.blocks = dim3(static_cast<unsigned>(blocks_of(rows, warps))),
          .threads = dim3(warps * 32)};
}

}  // namespace

template <class T>
void softmax_rows(const Cuda& cuda, std::int64_t rows, std::int64_t columns, float scale,
                  T* scores) {
  with_width<T>(columns, aligned16(scores), [&](auto width) {
    launch(cuda, "composed_softmax", softmax<T, width>, warp_grid(rows), rows, columns, scale,
           scores);
  });
}

template <class T>
void softmax_rows_backward(const Cuda& cuda, std::int64_t rows, std::int64_t columns, float scale,
                           const T* p, const T* dp, T* dscores) {
  with_width<T>(columns, aligned16(p) && aligned16(dp) && aligned16(dscores), [&](auto width) {
    launch(cuda, "composed_softmax_backward", softmax_backward<T, width>, warp_grid(rows), rows,
           columns, scale, p, dp, dscores);
  });
}

template <class T>
void add_shifted(const Cuda& cuda, DepthwiseConv1dShape s, std::int64_t shift, const float* weight,
                 const float* bias, const T* x, Gradient<T> y) {
  if (y.accumulate && !exists(s, shift)) return;
  const bool aligned = aligned16(weight) && aligned16(bias) && aligned16(x) && aligned16(y.data);
  with_width<T>(s.channels, aligned, [&](auto width) {
    launch(cuda, "composed_add_tap", add_tap<T, width>,
           row_grid(s.sequences * s.positions, s.channels / width), s, shift, weight, bias, x, y);
  });
}

template <class T>
void sum_shifted(const Cuda& cuda, DepthwiseConv1dShape s, std::int64_t shift, const T* x,
                 const T* dy, Gradient<float> dweight) {
  if (!exists(s, shift)) {
    if (!dweight.accumulate) {
      EKGINE_CUDA(cudaMemsetAsync(
          dweight.data, 0, static_cast<std::size_t>(s.channels) * sizeof(float), cuda.stream));
    }
    return;
  }
  const std::int64_t rows = s.sequences * s.positions;
  Workspace::Scope scratch(cuda.workspace);
  T* const products = scratch.take<T>(static_cast<std::size_t>(rows * s.channels));
  with_width<T>(s.channels, aligned16(x) && aligned16(dy), [&](auto width) {
    launch(cuda, "composed_multiply_tap", multiply_tap<T, width>,
           row_grid(rows, s.channels / width), s, shift, x, dy, products);
  });
  kernels::sum_rows(cuda, rows, s.channels, products, dweight);
}

#define EKGINE_INSTANTIATE(T)                                                                    \
  template void softmax_rows(const Cuda&, std::int64_t, std::int64_t, float, T*);                \
  template void softmax_rows_backward(const Cuda&, std::int64_t, std::int64_t, float, const T*,  \
                                      const T*, T*);                                             \
  template void add_shifted(const Cuda&, DepthwiseConv1dShape, std::int64_t, const float*,       \
                            const float*, const T*, Gradient<T>);                                \
  template void sum_shifted(const Cuda&, DepthwiseConv1dShape, std::int64_t, const T*, const T*, \
                            Gradient<float>);
EKGINE_INSTANTIATE(float)
EKGINE_INSTANTIATE(bfloat16)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::composed
