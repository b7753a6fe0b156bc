#include "tests/emulation/probe_kernels.h"

#include <simt.cuh>

#include "kernels/device/reduce.cuh"
#include "kernels/device/storage.cuh"

namespace ekgine::emulation {
namespace {

constexpr unsigned all = 0xFFFFFFFFU;

__global__ void shuffles(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  out[lane] = __shfl_sync(all, lane, 5);
  out[32 + lane] = __shfl_sync(all, lane, lane + 3, 8);
  out[64 + lane] = __shfl_up_sync(all, lane, 2);
  out[96 + lane] = __shfl_up_sync(all, lane, 2, 8);
  out[128 + lane] = __shfl_down_sync(all, lane, 3);
  out[160 + lane] = __shfl_down_sync(all, lane, 3, 16);
  out[192 + lane] = __shfl_xor_sync(all, lane, 1);
  out[224 + lane] = __shfl_xor_sync(all, lane, 12, 8);
}

__global__ void votes(unsigned* out) {
  const unsigned lane = threadIdx.x;
  const unsigned ballot = __ballot_sync(all, lane % 3 == 0);
  const int any = __any_sync(all, lane == 7);
  const int every = __all_sync(all, lane < 32), not_every = __all_sync(all, lane < 31);
  if (lane != 0) return;
  out[0] = ballot;
  out[1] = static_cast<unsigned>(any);
  out[2] = static_cast<unsigned>(every);
  out[3] = static_cast<unsigned>(not_every);
  out[4] = __activemask() & 1U;
}

__global__ void block_votes(int* out) {
  const int odd = static_cast<int>(threadIdx.x % 2);
  const int results[] = {__syncthreads_count(odd), __syncthreads_and(odd), __syncthreads_or(odd),
                         __syncthreads_count(1),   __syncthreads_and(1),   __syncthreads_or(1)};
  if (threadIdx.x == 0) {
    for (int i = 0; i < 6; ++i) out[i] = results[i];
  }
}

__global__ void atomics(std::uint32_t* out) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(out, i + 1);
  atomicMax(out + 1, i + 1);
  atomicMin(reinterpret_cast<int*>(out + 2), -static_cast<int>(i));
  atomicAdd(reinterpret_cast<float*>(out + 3), 0.5F);
  atomicCAS(out + 4, 1U, 9U);
  atomicExch(out + 5, 77U);
}

__global__ void matrix_bfloat16(const float* a, const float* b, float* c) {
  const unsigned lane = threadIdx.x, g = lane / 4, t = lane % 4;
  const auto two = [](const float* m, unsigned row, unsigned column, unsigned step) {
    return device::pack(m[row * 16 + column], m[row * 16 + column + step]);
  };
  float d[4] = {};
  const std::uint32_t fragment_a[4] = {two(a, g, 2 * t, 1), two(a, g + 8, 2 * t, 1),
                                       two(a, g, 2 * t + 8, 1), two(a, g + 8, 2 * t + 8, 1)};
  const auto column_of_b = [&](unsigned row) {
    return device::pack(b[row * 8 + g], b[(row + 1) * 8 + g]);
  };
  const std::uint32_t fragment_b[2] = {column_of_b(2 * t), column_of_b(2 * t + 8)};
  simt::mma_bfloat16(d, fragment_a, fragment_b);
  for (unsigned i = 0; i < 4; ++i) c[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i];
}

__global__ void matrix_tf32(const float* a, const float* b, float* c) {
  const unsigned lane = threadIdx.x, g = lane / 4, t = lane % 4;
  float d[4] = {};
  const std::uint32_t fragment_a[4] = {
      simt::to_tf32(a[g * 8 + t]), simt::to_tf32(a[(g + 8) * 8 + t]),
      simt::to_tf32(a[g * 8 + t + 4]), simt::to_tf32(a[(g + 8) * 8 + t + 4])};
  const std::uint32_t fragment_b[2] = {simt::to_tf32(b[t * 8 + g]),
                                       simt::to_tf32(b[(t + 4) * 8 + g])};
  simt::mma_tf32(d, fragment_a, fragment_b);
  for (unsigned i = 0; i < 4; ++i) c[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i];
}

__global__ void row_sums(const float* x, float* y, int columns) {
  SIMT_SHARED(float[4], scratch);
  float sum = 0;
  const float* row = x + std::int64_t{blockIdx.x} * columns;
  for (int i = static_cast<int>(threadIdx.x); i < columns; i += 128) sum += row[i];
  sum = device::block_sum<128>(sum, scratch);
  if (threadIdx.x == 0) y[blockIdx.x] = sum;
}

__global__ void order(unsigned* counter, unsigned* passed) {
  passed[atomicAdd(counter, 1U)] = blockIdx.x * blockDim.x + threadIdx.x;
}

__global__ void increment(const float* in, float* out, int n) {
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) {
    out[i] = in[i] + 1;
  }
}

__global__ void coordinates(Coordinates* out) {
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  out[block * (blockDim.x * blockDim.y * blockDim.z) + thread] = {threadIdx, blockIdx, blockDim,
                                                                  gridDim};
}

__global__ void shared_memory(float* out) {
  SIMT_DYNAMIC_SHARED(float, dynamic);
  SIMT_SHARED(float[256], fixed);
  dynamic[threadIdx.x] = 1;
  fixed[threadIdx.x] = 2;
  out[threadIdx.x] = dynamic[threadIdx.x] + fixed[threadIdx.x];
}

__global__ void nothing() {}

__global__ void strided_load(const float* in, float* out, int stride) {
  out[threadIdx.x] = in[static_cast<int>(threadIdx.x) * stride];
}

__global__ void vector_load(const float* in, float* out) {
  float x[4];
  device::load(x, in + 4 * threadIdx.x);
  out[threadIdx.x] = x[0] + x[1] + x[2] + x[3];
}

template <class T>
__global__ void banks(float* out, int stride) {
  SIMT_DYNAMIC_SHARED(T, tile);
  const int lane = static_cast<int>(threadIdx.x);
  tile[lane * stride] = T{};
  __syncwarp();
  if (lane % 2 == 1) tile[lane * stride] = T{};
  out[lane] = 0;
}

}  // namespace

cudaError_t probe_shuffles(int* out, cudaStream_t stream) {
  return simt::launch("shuffles", shuffles, 1, 32, 0, stream, out);
}
cudaError_t probe_votes(unsigned* out, cudaStream_t stream) {
  return simt::launch("votes", votes, 1, 32, 0, stream, out);
}
cudaError_t probe_block_votes(int* out, cudaStream_t stream) {
  return simt::launch("block_votes", block_votes, 1, 96, 0, stream, out);
}
cudaError_t probe_atomics(std::uint32_t* out, cudaStream_t stream) {
  return simt::launch("atomics", atomics, 7, 64, 0, stream, out);
}
cudaError_t probe_matrix(const float* a, const float* b, float* c, int k, cudaStream_t stream) {
  return simt::launch("matrix", k == 16 ? matrix_bfloat16 : matrix_tf32, 1, 32, 0, stream, a, b, c);
}
cudaError_t probe_row_sums(const float* x, float* y, int rows, int columns, cudaStream_t stream) {
  return simt::launch("row_sums", row_sums, static_cast<unsigned>(rows), 128, 0, stream, x, y,
                      columns);
}
cudaError_t probe_order(unsigned* counter, unsigned* passed, cudaStream_t stream) {
  return simt::launch("order", order, 4, 64, 0, stream, counter, passed);
}
cudaError_t probe_increment(const float* in, float* out, int n, cudaStream_t stream) {
  return simt::launch("increment", increment, 1, 64, 0, stream, in, out, n);
}
cudaError_t probe_coordinates(Coordinates* out, cudaStream_t stream) {
  return simt::launch("coordinates", coordinates, dim3(2, 3, 2), dim3(4, 2, 3), 0, stream, out);
}
cudaError_t probe_shared_memory(float* out, std::size_t dynamic, cudaStream_t stream) {
  return simt::launch("shared_memory", shared_memory, 1, 256, dynamic, stream, out);
}
cudaError_t probe_grid(dim3 blocks, dim3 threads, cudaStream_t stream) {
  return simt::launch("nothing", nothing, blocks, threads, 0, stream);
}
cudaError_t probe_load(const float* in, float* out, int stride, cudaStream_t stream) {
  return simt::launch("strided_load", strided_load, 1, 32, 0, stream, in, out, stride);
}
cudaError_t probe_vector_load(const float* in, float* out, cudaStream_t stream) {
  return simt::launch("vector_load", vector_load, 1, 32, 0, stream, in, out);
}
cudaError_t probe_banks(float* out, int stride, int width, cudaStream_t stream) {
  const std::size_t bytes = 32U * 4 * static_cast<unsigned>(width * stride);
  return simt::launch("banks",
                      width == 1   ? banks<float>
                      : width == 2 ? banks<float2>
                                   : banks<float4>,
                      1, 32, bytes, stream, out, stride);
}

}  // namespace ekgine::emulation
