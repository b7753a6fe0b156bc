// Kernels on channels-last arrays: which thread works on what, and sums over rows.
//
// A thread keeps to `Width` neighbouring channels, 16 bytes of them where C and the pointers allow
// and one otherwise, and walks down the rows. So what belongs to a channel (mean, weight, sums) is
// read once and stays in registers. A block is columns × lanes: threadIdx.x picks the channels,
// threadIdx.y (and z) the row, so that neighbouring threads touch neighbouring memory also where C
// is small: a warp then spans several rows.
#pragma once

#include <simt.cuh>

#include <algorithm>
#include <type_traits>

#include "kernels/device/storage.cuh"
#include "kernels/runtime/launch.cuh"

namespace ekgine::device {

inline constexpr int channel_threads = 256;  // of a block, at most

// Whether a kernel on (rows, channels) can move 16 bytes at a time.
template <class T, class... Pointer>
bool vectorised(std::int64_t channels, const Pointer*... pointers) {
  return channels % vector_width<T> == 0 && (aligned16(pointers) && ...);
}

// body(width) with the number of channels per thread as a compile-time constant.
template <class T, class Body>
auto with_width(bool vectorised, const Body& body) {
  if (vectorised) return body(std::integral_constant<int, vector_width<T>>{});
  return body(std::integral_constant<int, 1>{});
}

// Columns: at most 64 to a block (a KiB of every row), as even as possible over blockIdx.y.
inline Grid channel_columns(int width, std::int64_t channels) {
  const std::int64_t columns = channels / width, blocks = blocks_of(columns, 64);
  return {.blocks = dim3(1, static_cast<unsigned>(blocks)),
          .threads = dim3(static_cast<unsigned>(blocks_of(columns, blocks)))};
}

// Blocks for (rows, channels). Each of blockIdx.x gets an equal part of the rows, some `per_lane`
// to a thread, but there are no more than `most` parts: chosen by the shape alone, so that sums
// have the same bits on every device.
inline Grid channel_grid(int width, std::int64_t channels, std::int64_t rows, std::int64_t per_lane,
                         std::int64_t most) {
  Grid grid = channel_columns(width, channels);
  const std::int64_t lanes = std::clamp<std::int64_t>(channel_threads / grid.threads.x, 1,
                                                      std::max<std::int64_t>(rows, 1));
  grid.threads.y = static_cast<unsigned>(lanes);
  grid.blocks.x = static_cast<unsigned>(std::min(blocks_of(rows, lanes * per_lane), most));
  return grid;
}

// The first of the calling thread's channels; C or more: it has none.
__device__ __forceinline__ std::int64_t first_channel(int width) {
  return (static_cast<std::int64_t>(blockIdx.y) * blockDim.x + threadIdx.x) * width;
}

// The part-th of `parts` equal shares of [0, n).
struct Range {
  std::int64_t begin, end;
};
__device__ __forceinline__ Range share_of(std::int64_t n, std::int64_t part, std::int64_t parts) {
  return {n * part / parts, n * (part + 1) / parts};
}

// A thread's place in a block that sums over lanes.
struct Place {
  int column, columns, lane, lanes;
};
__device__ __forceinline__ Place channel_place() {
  return {static_cast<int>(threadIdx.x), static_cast<int>(blockDim.x),
          static_cast<int>(threadIdx.y + blockDim.y * threadIdx.z),
          static_cast<int>(blockDim.y * blockDim.z)};
}

// Shared memory that merge_lanes needs for each of a thread's values.
inline constexpr int lane_scratch = channel_threads / 2;

// Merges the values of all lanes of a column into those of its lane 0: the upper half hands over to
// the lower one until one is left, so the order is fixed. merge(into, from) adds one lane's values
// to another's. The whole block calls; `scratch` is shared memory of Count · lane_scratch floats.
template <int Count, class Merge>
__device__ __forceinline__ void merge_lanes(float (&values)[Count], Place at, float* scratch,
                                            const Merge& merge) {
  for (int left = at.lanes; left > 1;) {
    const int half = (left + 1) / 2;
    __syncthreads();
    if (at.lane >= half && at.lane < left) {
      float* slot = scratch + (at.lane - half) * at.columns + at.column;
#pragma unroll
      for (int k = 0; k < Count; ++k) slot[k * lane_scratch] = values[k];
    }
    __syncthreads();
    if (at.lane + half < left) {
      const float* slot = scratch + at.lane * at.columns + at.column;
      float other[Count];
#pragma unroll
      for (int k = 0; k < Count; ++k) other[k] = slot[k * lane_scratch];
      merge(values, other);
    }
    left = half;
  }
}

template <int Count>
__device__ __forceinline__ void sum_lanes(float (&values)[Count], Place at, float* scratch) {
  merge_lanes(values, at, scratch, [](float(&into)[Count], const float(&from)[Count]) {
#pragma unroll
    for (int k = 0; k < Count; ++k) into[k] += from[k];
  });
}

// The second stage of sums over rows: per-part sums (parts, 2, C) become totals, in lane 0 of each
// column. A block adds up eight channels, 32 bytes of each part, with 32 lanes.
inline Grid totals_grid(std::int64_t channels) {
  return {.blocks = dim3(static_cast<unsigned>(blocks_of(channels, 8))), .threads = dim3(8, 32)};
}
__device__ __forceinline__ std::int64_t totals_channel() {
  return static_cast<std::int64_t>(blockIdx.x) * 8 + threadIdx.x;
}
__device__ __forceinline__ void add_totals(float (&totals)[2], std::int64_t parts,
                                           std::int64_t channels, const float* partial,
                                           float* scratch) {
  const std::int64_t c = totals_channel();
  totals[0] = totals[1] = 0;
  if (c < channels) {
#pragma unroll 4
    for (std::int64_t part = threadIdx.y; part < parts; part += blockDim.y) {
      totals[0] += partial[2 * part * channels + c];
      totals[1] += partial[(2 * part + 1) * channels + c];
    }
  }
  sum_lanes(totals, channel_place(), scratch);
}

// Writes the first 2·Width of a thread's values as the two sums of `part`: lane 0 calls.
template <int Width, int Count>
__device__ __forceinline__ void store_partial(float* partial, std::int64_t part,
                                              std::int64_t channels, std::int64_t first,
                                              const float (&values)[Count]) {
#pragma unroll
  for (int sum = 0; sum < 2; ++sum) {
    float of_sum[Width];
#pragma unroll
    for (int k = 0; k < Width; ++k) of_sum[k] = values[sum * Width + k];
    store(partial + (2 * part + sum) * channels + first, of_sum);
  }
}

}  // namespace ekgine::device
