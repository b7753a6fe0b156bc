// The few things that the emulated build (emulation/include/simt.cuh) does in another way:
// shared memory, launches, and the instructions that CUDA C++ has no plain spelling for. Kernels
// include <simt.cuh> and use these instead of __shared__, <<<>>> and inline assembly; everything
// else is CUDA C++ as usual: threadIdx and so on, __syncthreads, __syncwarp, shuffles, votes,
// fmaf, rsqrtf, __expf. Not available, because the emulation has no twin: cooperative groups, CUB,
// textures, dynamic parallelism, clusters, TMA, waiting for another block.
//
//   SIMT_SHARED(float[32], sums);            // a static array of the block
//   SIMT_DYNAMIC_SHARED(float, tile);        // the block's dynamic shared memory, 16-byte aligned
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#define SIMT_SHARED(T, name) __shared__ std::type_identity_t<T> name
#define SIMT_DYNAMIC_SHARED(T, name)                            \
  extern __shared__ __align__(16) unsigned char simt_dynamic[]; \
  T* const name = reinterpret_cast<T*>(simt_dynamic)

namespace ekgine::simt {

// Queues kernel<<<grid, block, shared, stream>>>(arguments...); `name` is for error messages.
template <class... P, class... A>
cudaError_t launch(const char* /*name*/, void (*kernel)(P...), dim3 grid, dim3 block,
                   std::size_t shared, cudaStream_t stream, A&&... arguments) {
  // More than 48 KiB has to be asked for.
  if (shared > 48U * 1024U) {
    const cudaError_t result =
        cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
    if (result != cudaSuccess) return result;
  }
  cudaLaunchConfig_t configuration{};
  configuration.gridDim = grid;
  configuration.blockDim = block;
  configuration.dynamicSmemBytes = shared;
  configuration.stream = stream;
  return cudaLaunchKernelEx(&configuration, kernel, static_cast<P>(arguments)...);
}

// d (16×8) += a (16×16) · b (16×8), bfloat16 in, float out, by one warp. Lane l = 4·g + t holds
//   a[0]: row g,     columns 2t, 2t+1     a[2]: row g,     columns 2t+8, 2t+9
//   a[1]: row g + 8, columns 2t, 2t+1     a[3]: row g + 8, columns 2t+8, 2t+9
//   b[0]: rows 2t, 2t+1 of column g       b[1]: rows 2t+8, 2t+9 of column g
//   d[0], d[1]: row g, columns 2t, 2t+1   d[2], d[3]: row g + 8
// two bfloat16 in a word, the lower index in the lower half (PTX ISA, mma.m16n8k16). Needs sm_80:
// on older architectures it traps, so the host must not choose it there.
__device__ __forceinline__ void mma_bfloat16(float (&d)[4], const std::uint32_t (&a)[4],
                                             const std::uint32_t (&b)[2]) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();
#endif
}

// d (16×8) += a (16×8) · b (8×8), TF32 in (to_tf32), float out, by one warp. Lane l = 4·g + t holds
//   a[0]: (g, t)  a[1]: (g + 8, t)  a[2]: (g, t + 4)  a[3]: (g + 8, t + 4)
//   b[0]: (t, g)  b[1]: (t + 4, g)  d as in mma_bfloat16   (PTX ISA, mma.m16n8k8). Needs sm_80.
__device__ __forceinline__ void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4],
                                         const std::uint32_t (&b)[2]) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();
#endif
}

// Rounds to TF32 (10 bits of fraction), ties away from zero.
__device__ __forceinline__ std::uint32_t to_tf32(float value) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
#else
  __trap();
  return 0;
#endif
}

}  // namespace ekgine::simt
