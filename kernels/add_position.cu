// A sequence is one row of T·C values, as long as the part of the table that is used.
//
// Forward: a thread keeps 16 bytes of the table in registers and adds them to the same place of
// several sequences, so that the table costs little beside x and y.
// Backward: a block owns 32 columns of the table, a warp one request wide; its eight warps take
// every eighth sequence, and their sums are added in order of the warps. No second stage: the sums
// are many (T·C) and short (N). On its way it makes dx, where there is one.
#include "kernels/add_position.h"

#include <algorithm>

#include "kernels/device/channels.cuh"
#include "kernels/device/gradient.cuh"

namespace ekgine::kernels {

namespace {

constexpr int forward_threads = 64;  // T·C is often a few hundred
constexpr std::int64_t forward_sequences = 4;
constexpr std::int64_t most_in_y = 65535;  // blocks

template <int Width, class T>
__global__ void __launch_bounds__(forward_threads)
    add_position_forward_kernel(std::int64_t sequences, std::int64_t row, std::int64_t per_block,
                                const T* x, const float* table, T* y) {
  const std::int64_t i =
      (static_cast<std::int64_t>(blockIdx.x) * forward_threads + threadIdx.x) * Width;
  if (i >= row) return;
  float position[Width];
  device::load(position, table + i);
  const std::int64_t begin = blockIdx.y * per_block;
  const std::int64_t end = begin + per_block < sequences ? begin + per_block : sequences;
#pragma unroll 4
  for (std::int64_t n = begin; n < end; ++n) {
    float values[Width];
    device::load(values, x + n * row + i);
#pragma unroll
    for (int e = 0; e < Width; ++e) values[e] += position[e];
    device::store(y + n * row + i, values);
  }
}

constexpr int backward_columns = 32, backward_warps = 8;

// row = T·C values of dy per sequence, rows = R·C of dtable; either gradient may be null.
template <class T>
__global__ void __launch_bounds__(backward_columns* backward_warps)
    add_position_backward_kernel(std::int64_t sequences, std::int64_t row, std::int64_t rows,
                                 const T* dy, Gradient<T> dx, Gradient<float> dtable) {
  SIMT_SHARED(float[backward_warps][backward_columns], sums);
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * backward_columns + threadIdx.x;
  float sum = 0;
  if (i < row) {
#pragma unroll 4
    for (std::int64_t n = threadIdx.y; n < sequences; n += backward_warps) {
      const float g = device::to_float(dy[n * row + i]);
      if (dx.data != nullptr) device::put(dx, n * row + i, g);
      sum += g;
    }
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || i >= rows || dtable.data == nullptr) return;
#pragma unroll
  for (int warp = 1; warp < backward_warps; ++warp) sum += sums[warp][threadIdx.x];
  device::put(dtable, i, sum);  // 0 from position T on
}

}  // namespace

template <class T>
void add_position_forward(const Cuda& cuda, AddPositionShape s, const T* x, const float* table,
                          T* y) {
  const std::int64_t row = s.positions * s.channels;
  if (s.sequences == 0 || row == 0) return;
  const bool vectorised = device::vectorised<T>(row, x, y) && device::aligned16(table);
  device::with_width<T>(vectorised, [&](auto width) {
    const std::int64_t per_block = std::max(forward_sequences, blocks_of(s.sequences, most_in_y));
    const dim3 blocks(static_cast<unsigned>(blocks_of(row, forward_threads * width)),
                      static_cast<unsigned>(blocks_of(s.sequences, per_block)));
    launch(cuda, "add_position_forward", add_position_forward_kernel<width(), T>,
           Grid{blocks, dim3(forward_threads)}, s.sequences, row, per_block, x, table, y);
  });
}

template <class T>
void add_position_backward(const Cuda& cuda, AddPositionShape s, const T* dy, Gradient<T> dx,
                           Gradient<float> dtable) {
  const std::int64_t rows = s.rows * s.channels;
  if ((!dx && !dtable) || rows == 0) return;
  launch(cuda, "add_position_backward", add_position_backward_kernel<T>,
         Grid{dim3(static_cast<unsigned>(blocks_of(rows, backward_columns))),
              dim3(backward_columns, backward_warps)},
         s.sequences, s.positions * s.channels, rows, dy, dx, dtable);
}

template void add_position_forward(const Cuda&, AddPositionShape, const float*, const float*,
                                   float*);
template void add_position_forward(const Cuda&, AddPositionShape, const bfloat16*, const float*,
                                   bfloat16*);
template void add_position_backward(const Cuda&, AddPositionShape, const float*, Gradient<float>,
                                    Gradient<float>);
template void add_position_backward(const Cuda&, AddPositionShape, const bfloat16*,
                                    Gradient<bfloat16>, Gradient<float>);

}  // namespace ekgine::kernels
