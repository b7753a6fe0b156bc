// Twin of kernels/device/nvcc/simt.cuh: the same names with the same meaning, for kernels that g++
// compiles and the emulated device executes. Kernels include <simt.cuh>; which of the two they get
// is decided by the include path alone.
//
// Threads of a block are fibers of one host thread. Shared memory, barriers, shuffles, votes and
// atomics go through the emulation, which checks them; see emulation/emulation.h.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "emulation/intrinsics.h"
#include "emulation/kernel_interface.h"

#undef __launch_bounds__
#define __launch_bounds__(...)
#undef __shared__
#define __shared__ _Pragma("GCC error \"use SIMT_SHARED or SIMT_DYNAMIC_SHARED\"")
#define SIMT_SHARED(T, name) \
  auto& name = ::ekgine::emulation::shared_array<std::type_identity_t<T>, decltype([] {})>()
#define SIMT_DYNAMIC_SHARED(T, name) \
  T* const name = static_cast<T*>(::ekgine::emulation::dynamic_shared_memory())

namespace ekgine::simt {

// Queues the kernel on the stream; `name` is what reports and counters call it.
template <class... P, class... A>
cudaError_t launch(const char* name, void (*kernel)(P...), dim3 grid, dim3 block,
                   std::size_t shared, cudaStream_t stream, A&&... arguments) {
  return emulation::launch_kernel(
      name, grid, block, shared, stream,
      std::make_unique<emulation::Call<P...>>(kernel, static_cast<P>(arguments)...));
}

// d (16×8) += a (16×16) · b (16×8), bfloat16 in, float out, by one warp; layout as in the twin.
// Products are exact; each element is summed in double precision and rounded once.
__forceinline__ void mma_bfloat16(float (&d)[4], const std::uint32_t (&a)[4],
                                  const std::uint32_t (&b)[2],
                                  std::source_location at = std::source_location::current()) {
  const emulation::MatrixFragments f{
      {d[0], d[1], d[2], d[3]}, {a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const emulation::Accumulators sums = emulation::mma_bfloat16(f, at);
  d[0] = sums.d[0], d[1] = sums.d[1], d[2] = sums.d[2], d[3] = sums.d[3];
}

// d (16×8) += a (16×8) · b (8×8), TF32 in, float out, by one warp; layout as in the twin.
__forceinline__ void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4],
                              const std::uint32_t (&b)[2],
                              std::source_location at = std::source_location::current()) {
  const emulation::MatrixFragments f{
      {d[0], d[1], d[2], d[3]}, {a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const emulation::Accumulators sums = emulation::mma_tf32(f, at);
  d[0] = sums.d[0], d[1] = sums.d[1], d[2] = sums.d[2], d[3] = sums.d[3];
}

// Rounds to TF32 (10 bits of fraction), ties away from zero.
__forceinline__ std::uint32_t to_tf32(float value) {
  const std::uint32_t bits = __float_as_uint(value);
  if ((bits & 0x7F800000U) == 0x7F800000U) return bits & 0xFFFFE000U;
  return (bits + 0x1000U) & 0xFFFFE000U;
}

}  // namespace ekgine::simt
