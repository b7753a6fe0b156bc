// Kernels without faults, whose results show that the emulation does what a device does.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace ekgine::emulation {

// One warp: out[32·k + lane] is what lane `lane` gets from shuffle k of its own number, for
//   0: shfl(lane 5)   1: shfl(source = lane + 3, width 8)   2: shfl_up(2)   3: shfl_up(2, width 8)
//   4: shfl_down(3)   5: shfl_down(3, width 16)             6: shfl_xor(1)  7: shfl_xor(12, width
//   8)
cudaError_t probe_shuffles(int* out, cudaStream_t stream);
// One warp: {ballot(lane % 3 == 0), any(lane == 7), all(lane < 32), all(lane < 31), active lanes}.
cudaError_t probe_votes(unsigned* out, cudaStream_t stream);
// One block of 96 threads: {count, and, or} of thread % 2, then of 1.
cudaError_t probe_block_votes(int* out, cudaStream_t stream);
// 7 blocks of 64 threads: sum, unsigned max, int min of i + 1 over all threads i, a float sum, what
// atomicCAS(1 -> 9) leaves, what atomicExch leaves; out begins as zeros but for out[2] = out[4]
// = 1.
cudaError_t probe_atomics(std::uint32_t* out, cudaStream_t stream);
// One warp: c (16×8) = a (16×K, row-major) · b (K×8, row-major); bfloat16 for K = 16, TF32 for 8.
cudaError_t probe_matrix(const float* a, const float* b, float* c, int k, cudaStream_t stream);
// blocks × 128 threads: the deterministic sum of each row of x (rows × columns).
cudaError_t probe_row_sums(const float* x, float* y, int rows, int columns, cudaStream_t stream);
// The order in which the threads of 4 blocks of 64 pass a counter.
cudaError_t probe_order(unsigned* counter, unsigned* order, cudaStream_t stream);
// out[i] = in[i] + 1 on one block.
cudaError_t probe_increment(const float* in, float* out, int n, cudaStream_t stream);
// The coordinates that each thread of a grid (2,3,2) of blocks (4,2,3) finds, at its own index.
struct Coordinates {
  uint3 thread, block;
  dim3 threads, blocks;
};
cudaError_t probe_coordinates(Coordinates* out, cudaStream_t stream);
// Needs `dynamic` bytes of dynamic shared memory and 1024 of static.
cudaError_t probe_shared_memory(float* out, std::size_t dynamic, cudaStream_t stream);
cudaError_t probe_grid(dim3 blocks, dim3 threads, cudaStream_t stream);

// One warp, for the counters: in[lane · stride] or 16 bytes from in[4 · lane], to out[lane].
cudaError_t probe_load(const float* in, float* out, int stride, cudaStream_t stream);
cudaError_t probe_vector_load(const float* in, float* out, cudaStream_t stream);
// One warp writes shared memory at lane · stride (words, or vectors of `width` words), and each
// odd lane a second time.
cudaError_t probe_banks(float* out, int stride, int width, cudaStream_t stream);

}  // namespace ekgine::emulation
