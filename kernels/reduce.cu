#include <algorithm>

#include "kernels/device/gradient.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/reduce.h"
#include "kernels/runtime/launch.cuh"

namespace ekgine::kernels {

namespace {

// Few rows, one launch: what it takes is a launch's own time, and a second would double it.
//
// Many, two launches: blocks sum ranges of rows, then the ranges' sums are added in order. A block
// is a row of 32 lanes with V neighbouring columns each, and 8 such rows deep: it walks down its
// range eight matrix rows at a time, so that a warp reads 32·V neighbouring elements.
constexpr int lanes = 32;
constexpr int depth = 8;
constexpr int total_threads = 128;               // of the second launch
constexpr std::int64_t few_rows = 1024;          // 32 rows for each thread
constexpr std::int64_t wanted_blocks = 2 * 132;  // of the first: 132 multiprocessors has an H100

template <class T, int V>
__device__ __forceinline__ void load_columns(float (&values)[V], const T* from) {
  if constexpr (V == 1) {
    values[0] = device::to_float(*from);
  } else {
    device::load(values, from);
  }
}

// sum + range·columns, (columns): of the rows [range·length, (range+1)·length)
template <class T, int V>
__global__ void __launch_bounds__(lanes* depth)
    sum_ranges(std::int64_t rows, std::int64_t columns, std::int64_t length, const T* x,
               Gradient<float> sum) {
  // Element (d,v,lane) lies at bank v·32/V + lane: both the writes, of one v at a time, and the
  // reads, of neighbouring columns, find 32 different banks.
  constexpr int pitch = 32 + 32 / V;
  SIMT_SHARED(float[depth][V][pitch], partial);
  const int lane = static_cast<int>(threadIdx.x), d = static_cast<int>(threadIdx.y);
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * (lanes * V);
  const std::int64_t range = blockIdx.y;

  float total[V] = {};
  if (const std::int64_t column = first + lane * V; column < columns) {
    const std::int64_t end = min(rows, (range + 1) * length);
#pragma unroll 4
    for (std::int64_t row = range * length + d; row < end; row += depth) {
      float values[V];
      load_columns(values, x + row * columns + column);
#pragma unroll
      for (int v = 0; v < V; ++v) total[v] += values[v];
    }
  }
#pragma unroll
  for (int v = 0; v < V; ++v) partial[d][v][lane] = total[v];
  __syncthreads();

  for (int i = d * lanes + lane; i < lanes * V && first + i < columns; i += lanes * depth) {
    float all = 0;
#pragma unroll
    for (int k = 0; k < depth; ++k) all += partial[k][i % V][i / V];
    device::put(sum, range * columns + first + i, all);
  }
}

__global__ void __launch_bounds__(total_threads)
    add_ranges(int ranges, std::int64_t columns, const float* partial, Gradient<float> sum) {
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (column >= columns) return;
  float total = 0;
#pragma unroll 4
  for (int range = 0; range < ranges; ++range) total += partial[range * columns + column];
  device::put(sum, column, total);
}

// A block of 32 warps to 32 columns: warp w takes the rows w, w + 32, ...
template <class T>
__global__ void __launch_bounds__(lanes* lanes)
    sum_few(std::int64_t rows, std::int64_t columns, const T* x, Gradient<float> sum) {
  SIMT_SHARED(float[lanes][lanes + 1], partial);
  const int lane = static_cast<int>(threadIdx.x), warp = static_cast<int>(threadIdx.y);
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * lanes;
  float total = 0;
  if (first + lane < columns) {
#pragma unroll 4
    for (std::int64_t row = warp; row < rows; row += lanes) {
      total += device::to_float(x[row * columns + first + lane]);
    }
  }
  partial[warp][lane] = total;
  __syncthreads();
  // A warp to a column.
  const float all = device::warp_sum(partial[lane][warp]);
  if (lane == 0 && first + warp < columns) device::put(sum, first + warp, all);
}

template <class T, int V>
void run(const Cuda& cuda, std::int64_t rows, std::int64_t columns, const T* x,
         Gradient<float> sum) {
  // Ranges enough to occupy a large device twice over, but of four rows per thread or more. By the
  // sizes alone: sums have the same bits on every device.
  const std::int64_t tiles = blocks_of(columns, lanes * V);
  const std::int64_t wanted =
      std::clamp<std::int64_t>(blocks_of(wanted_blocks, tiles), 1, blocks_of(rows, 4 * depth) + 1);
  const std::int64_t length = std::max<std::int64_t>(blocks_of(rows, wanted), 1);
  const std::int64_t ranges = std::max<std::int64_t>(blocks_of(rows, length), 1);

  Workspace::Scope scratch(cuda.workspace);
  const Gradient<float> partial =
      ranges == 1
          ? sum
          : Gradient<float>{scratch.take<float>(static_cast<std::size_t>(ranges * columns)), false};
  launch(cuda, "sum_rows", sum_ranges<T, V>,
         {.blocks = dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(ranges)),
          .threads = dim3(lanes, depth)},
         rows, columns, length, x, partial);
  if (ranges == 1) return;
  launch(cuda, "sum_rows_ranges", add_ranges,
         {.blocks = dim3(static_cast<unsigned>(blocks_of(columns, total_threads))),
          .threads = dim3(total_threads)},
         static_cast<int>(ranges), columns, partial.data, sum);
}

}  // namespace

template <class T>
void sum_rows(const Cuda& cuda, std::int64_t rows, std::int64_t columns, const T* x,
              Gradient<float> sum) {
  if (columns == 0) return;
  if (rows <= few_rows) {
    launch(cuda, "sum_rows", sum_few<T>,
           {.blocks = dim3(static_cast<unsigned>(blocks_of(columns, lanes))),
            .threads = dim3(lanes, lanes)},
           rows, columns, x, sum);
    return;
  }
  constexpr int width = device::vector_width<T>;
  if (columns % width == 0 && device::aligned16(x)) {
    run<T, width>(cuda, rows, columns, x, sum);
  } else {
    run<T, 1>(cuda, rows, columns, x, sum);
  }
}

template void sum_rows(const Cuda&, std::int64_t, std::int64_t, const float*, Gradient<float>);
template void sum_rows(const Cuda&, std::int64_t, std::int64_t, const bfloat16*, Gradient<float>);

}  // namespace ekgine::kernels
