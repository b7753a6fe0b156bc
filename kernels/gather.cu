// Forward copies rows, as bits: units of 16 bytes where rows and pointers allow, else the largest
// of 4 and 2 that fits (a beat of 187 floats goes by floats, 128 bytes to a warp's request).
//
// The inverse needs no atomics and no sorting: a warp owns row u and looks at all picks twice, 32
// at a time. Votes count those of smaller rows (where u's picks begin), then number those of u.
// That is U·P/32 steps in all: some microseconds for a few hundred beats, and still less than
// attention costs when there are ten thousand.
//
// Backward sums the picks of each row in their order. Where they are few it looks at all of them,
// from the first-level cache, which costs less than the launch that makes an inverse.
#include "kernels/gather.h"

#include <limits>

#include "kernels/device/channels.cuh"
#include "kernels/device/gradient.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/rows.cuh"

namespace ekgine::kernels {

namespace {

// What a row gets whose index is outside of x: NaN, or −1. All bits set are both.
template <class Unit>
__device__ __forceinline__ Unit no_value() {
  if constexpr (sizeof(Unit) == 16) {
    return make_uint4(~0U, ~0U, ~0U, ~0U);
  } else {
    return static_cast<Unit>(~Unit{0});
  }
}

// units: per row
template <class Unit>
__global__ void __launch_bounds__(device::row_threads)
    gather_forward_kernel(std::int64_t picks, std::int64_t rows, std::int64_t units, const Unit* x,
                          const std::int32_t* index, Unit* y) {
  const std::int64_t p = device::row_of_thread();
  if (p >= picks) return;
  const std::int64_t row = index[p];
  const bool exists = row >= 0 && row < rows;
  for (std::int64_t i = threadIdx.x; i < units; i += blockDim.x) {
    y[p * units + i] = exists ? x[row * units + i] : no_value<Unit>();
  }
}

constexpr int inverse_warps = 8;
constexpr std::int64_t few_picks = 1024;

__global__ void __launch_bounds__(32 * inverse_warps)
    gather_inverse_kernel(std::int64_t rows, std::int64_t picks, const std::int32_t* index,
                          std::int32_t* offsets, std::int32_t* order) {
  const std::int64_t u = static_cast<std::int64_t>(blockIdx.x) * inverse_warps + threadIdx.x / 32;
  const unsigned lane = threadIdx.x % 32;
  if (u > rows) return;  // warp U only counts: the end of the last row's picks
  std::int32_t place = 0;
  for (std::int64_t p = lane; p - lane < picks; p += 32) {
    // A negative index is of no row, yet before all of them: its places stay unused.
    const bool smaller = p < picks && index[p] < u;
    place += __popc(__ballot_sync(device::full_warp, smaller));
  }
  if (lane == 0) offsets[u] = place;
  if (u == rows) return;
  for (std::int64_t p = lane; p - lane < picks; p += 32) {
    const bool here = p < picks && index[p] == u;
    const unsigned all = __ballot_sync(device::full_warp, here);
    const unsigned earlier = all & ((1U << lane) - 1);
    if (here) order[place + __popc(earlier)] = static_cast<std::int32_t>(p);
    place += __popc(all);
  }
}

template <int Width, class T>
__global__ void __launch_bounds__(device::row_threads)
    gather_backward_kernel(GatherShape s, const std::int32_t* offsets, const std::int32_t* picks,
                           const T* dy, Gradient<T> dx) {
  const std::int64_t u = device::row_of_thread();
  if (u >= s.rows) return;
  const std::int32_t begin = offsets[u], end = offsets[u + 1];
  for (std::int64_t c = threadIdx.x * Width; c < s.channels; c += blockDim.x * Width) {
    float sum[Width] = {};
    for (std::int32_t i = begin; i < end; ++i) {
      float values[Width];
      device::load(values, dy + picks[i] * s.channels + c);
#pragma unroll
      for (int e = 0; e < Width; ++e) sum[e] += values[e];
    }
    device::put(dx, u * s.channels + c, sum);
  }
}

template <int Width, class T>
__global__ void __launch_bounds__(device::row_threads)
    gather_backward_few(GatherShape s, const std::int32_t* index, const T* dy, Gradient<T> dx) {
  const std::int64_t u = device::row_of_thread();
  if (u >= s.rows) return;
  for (std::int64_t c = threadIdx.x * Width; c < s.channels; c += blockDim.x * Width) {
    float sum[Width] = {};
#pragma unroll 8
    for (std::int64_t p = 0; p < s.picks; ++p) {
      if (index[p] != u) continue;
      float values[Width];
      device::load(values, dy + p * s.channels + c);
#pragma unroll
      for (int e = 0; e < Width; ++e) sum[e] += values[e];
    }
    device::put(dx, u * s.channels + c, sum);
  }
}

template <class Unit>
bool fits(std::size_t row_bytes, const void* x, const void* y) {
  const auto bits = reinterpret_cast<std::uintptr_t>(x) | reinterpret_cast<std::uintptr_t>(y);
  return (row_bytes | bits) % sizeof(Unit) == 0;
}

template <class Unit>
void copy_rows(const Cuda& cuda, GatherShape s, std::size_t row_bytes, const void* x,
               const std::int32_t* index, void* y) {
  const auto units = static_cast<std::int64_t>(row_bytes / sizeof(Unit));
  launch(cuda, "gather_forward", gather_forward_kernel<Unit>, device::row_grid(s.picks, units),
         s.picks, s.rows, units, static_cast<const Unit*>(x), index, static_cast<Unit*>(y));
}

}  // namespace

template <class T>
void gather_forward(const Cuda& cuda, GatherShape s, const T* x, const std::int32_t* index, T* y) {
  if (s.picks == 0 || s.channels == 0) return;
  const std::size_t row_bytes = static_cast<std::size_t>(s.channels) * sizeof(T);
  if (fits<uint4>(row_bytes, x, y)) {
    copy_rows<uint4>(cuda, s, row_bytes, x, index, y);
  } else if (fits<std::uint32_t>(row_bytes, x, y)) {
    copy_rows<std::uint32_t>(cuda, s, row_bytes, x, index, y);
  } else {
    copy_rows<std::uint16_t>(cuda, s, row_bytes, x, index, y);
  }
}

template <class T>
void gather_backward(const Cuda& cuda, GatherShape s, const std::int32_t* index, const T* dy,
                     Gradient<T> dx) {
  if (!dx || s.rows == 0 || s.channels == 0) return;
  device::with_width<T>(device::vectorised<T>(s.channels, dy, dx.data), [&](auto width) {
    if (s.picks <= few_picks) {
      launch(cuda, "gather_backward", gather_backward_few<width(), T>,
             device::row_grid(s.rows, s.channels / width), s, index, dy, dx);
      return;
    }
    Workspace::Scope scratch(cuda.workspace);
    auto* const offsets = scratch.take<std::int32_t>(static_cast<std::size_t>(s.rows + 1));
    auto* const picks = scratch.take<std::int32_t>(static_cast<std::size_t>(s.picks));
    launch(cuda, "gather_inverse", gather_inverse_kernel,
           Grid{dim3(static_cast<unsigned>(blocks_of(s.rows + 1, inverse_warps))),
                dim3(32 * inverse_warps)},
           s.rows, s.picks, index, offsets, picks);
    launch(cuda, "gather_backward", gather_backward_kernel<width(), T>,
           device::row_grid(s.rows, s.channels / width), s, offsets, picks, dy, dx);
  });
}

template void gather_forward(const Cuda&, GatherShape, const float*, const std::int32_t*, float*);
template void gather_forward(const Cuda&, GatherShape, const bfloat16*, const std::int32_t*,
                             bfloat16*);
template void gather_forward(const Cuda&, GatherShape, const std::int32_t*, const std::int32_t*,
                             std::int32_t*);
template void gather_backward(const Cuda&, GatherShape, const std::int32_t*, const float*,
                              Gradient<float>);
template void gather_backward(const Cuda&, GatherShape, const std::int32_t*, const bfloat16*,
                              Gradient<bfloat16>);

}  // namespace ekgine::kernels
