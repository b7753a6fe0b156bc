#include "tests/emulation/faulty_kernels.h"

#include <simt.cuh>

#include "kernels/device/reduce.cuh"

namespace ekgine::emulation {
namespace {

__device__ int thread() {
  return static_cast<int>(threadIdx.x);
}

// ------------------------------------------------------------------------------ missing barriers

template <bool faulty>
__global__ void read_after_write(Planted arguments) {
  SIMT_SHARED(float[64], tile);
  const int t = thread();
  tile[t] = arguments.in[t];
  if (!faulty) __syncthreads();
  arguments.out[t] = tile[63 - t];  // planted: read_after_write
}

template <bool faulty>
__global__ void write_after_read(Planted arguments) {
  SIMT_SHARED(float[64], tile);
  const int t = thread();
  tile[t] = arguments.in[t];
  __syncthreads();
  const float other = tile[63 - t];
  if (!faulty) __syncthreads();
  tile[t] = other;  // planted: write_after_read
  __syncthreads();
  arguments.out[t] = tile[t];
}

// A race that is only seen through a function that was inlined: reduce.cuh's scratch is still read
// by others when it is written again.
template <bool faulty>
__global__ void scratch_in_use(Planted arguments) {
  SIMT_SHARED(float[2], scratch);
  const float sum = device::block_sum<64>(arguments.in[thread()], scratch);
  if (!faulty) __syncthreads();
  if (thread() == 40) scratch[0] = sum;  // planted: scratch_in_use
  arguments.out[thread()] = sum;
}

template <bool faulty>
__global__ void global_exchange(Planted arguments) {
  const int t = thread();
  arguments.out[t] = arguments.in[t];
  if (!faulty) __syncthreads();
  const float other = arguments.out[63 - t];  // planted: global_exchange
  __syncthreads();
  arguments.out[t] = other;
}

// Without __syncwarp: that a shuffle lies between orders nothing.
template <bool faulty>
__global__ void warp_synchrony(Planted arguments) {
  SIMT_SHARED(float[64], tile);
  const int t = thread();
  tile[t] = arguments.in[t];
  const float value = __shfl_sync(0xFFFFFFFFU, arguments.in[t], 0);
  if (!faulty) __syncwarp();
  arguments.out[t] = tile[t ^ 1] + value;  // planted: warp_synchrony
}

// Groups of eight lanes that wait for each other; the fault reads beyond the group.
template <bool faulty>
__global__ void part_of_a_warp(Planted arguments) {
  SIMT_SHARED(float[64], tile);
  const int t = thread();
  tile[t] = arguments.in[t];
  __syncwarp(0xFFU << (t % 32 / 8 * 8));
  arguments.out[t] = tile[t ^ (faulty ? 8 : 4)];  // planted: part_of_a_warp
}

// --------------------------------------------------------------------------------- other races

template <bool faulty>
__global__ void between_blocks(Planted arguments) {
  if (thread() != 0) return;
  if (faulty) {
    arguments.out[0] += 1;  // planted: between_blocks
  } else {
    atomicAdd(arguments.out, 1.0F);
  }
}

template <bool faulty>
__global__ void atomic_and_plain(Planted arguments) {
  atomicAdd(arguments.out, 1.0F);
  if (!faulty) __syncthreads();
  arguments.out[thread() + 1] = arguments.out[0];  // planted: atomic_and_plain
}

// Halves of one word belong to different threads; the fault reads a neighbour's.
template <bool faulty>
__global__ void halves(Planted arguments) {
  auto* const values = reinterpret_cast<unsigned short*>(arguments.out);
  const int t = thread();
  values[t] = static_cast<unsigned short>(t);
  if (faulty && t == 0) values[64] = values[63];  // planted: halves
}

// The word that two threads have written in halves, read as one.
template <bool faulty>
__global__ void halves_and_word(Planted arguments) {
  auto* const values = reinterpret_cast<unsigned short*>(arguments.out);
  const int t = thread();
  values[t] = static_cast<unsigned short>(t);
  if (!faulty) __syncthreads();
  const float word = arguments.out[31 - t / 2];  // planted: halves_and_word
  arguments.out[64 + t] = word;
}

// ------------------------------------------------------------------------------------- addresses

template <bool faulty>
__global__ void global_bounds(Planted arguments) {
  for (int i = thread(); faulty ? i <= arguments.n : i < arguments.n; i += 64) {
    arguments.out[i] = 1;  // planted: global_bounds
  }
}

template <bool faulty>
__global__ void global_read_bounds(Planted arguments) {
  const float* from = arguments.in + (faulty ? 1 : 0);
  arguments.out[thread()] = from[arguments.n - 64 + thread()];  // planted: global_read_bounds
}

template <bool faulty>
__global__ void shared_bounds(Planted arguments) {
  SIMT_SHARED(float[64], tile);
  SIMT_SHARED(float[64], other);
  const int t = thread();
  other[t] = 0;
  tile[t + (faulty ? 1 : 0)] = arguments.in[t];  // planted: shared_bounds
  __syncthreads();
  arguments.out[t] = tile[t] + other[t];
}

template <bool faulty>
__global__ void dynamic_shared_bounds(Planted arguments) {
  SIMT_DYNAMIC_SHARED(float, tile);
  const int t = thread();
  if (faulty && t == 0) tile[64] = 0;  // planted: dynamic_shared_bounds
  tile[t] = arguments.in[t];
  arguments.out[t] = tile[t];
}

template <bool faulty>
__global__ void misaligned_vector(Planted arguments) {
  const float* from = arguments.in + (faulty ? 1 : 0);
  if (thread() >= 8) return;
  const float4 v = reinterpret_cast<const float4*>(from)[thread()];  // planted: misaligned_vector
  arguments.out[thread()] = v.x + v.y + v.z + v.w;
}

template <bool faulty>
__global__ void uninitialised_shared(Planted arguments) {
  SIMT_SHARED(float[65], tile);
  const int t = thread();
  tile[t] = arguments.in[t];
  if (!faulty && t == 0) tile[64] = 0;
  __syncthreads();
  arguments.out[blockIdx.x * 64 + threadIdx.x] = tile[t + 1];  // planted: uninitialised_shared
}

// The caller has written `in`, or not.
template <bool>
__global__ void uninitialised_global(Planted arguments) {
  arguments.out[thread()] = arguments.in[thread()];  // planted: uninitialised_global
}

// The caller passes memory that a kernel must not touch.
template <bool>
__global__ void foreign_read(Planted arguments) {
  arguments.out[thread()] = arguments.in[thread()];  // planted: foreign_read
}
template <bool>
__global__ void foreign_write(Planted arguments) {
  const float value = arguments.in[thread()];
  arguments.out[thread()] = value;  // planted: foreign_write
}

template <bool faulty>
__global__ void local_of_another_thread(Planted arguments) {
  SIMT_SHARED(float*, pointer);
  volatile float local = arguments.in[thread()];
  if (thread() == 0) pointer = const_cast<float*>(&local);
  __syncthreads();
  float* const from = faulty ? pointer : const_cast<float*>(&local);
  arguments.out[thread()] = *from;  // planted: local_of_another_thread
  __syncthreads();
}

// -------------------------------------------------------------------------- barriers and shuffles

template <bool faulty>
__global__ void divergent_barrier(Planted arguments) {
  if (faulty && thread() < 32) {
    __syncthreads();
  } else {
    __syncthreads();  // planted: divergent_barrier
  }
  arguments.out[thread()] = 1;
}

template <bool faulty>
__global__ void left_before_barrier(Planted arguments) {
  if (faulty && thread() >= 40) return;
  __syncthreads();  // planted: left_before_barrier
  arguments.out[thread()] = 1;
}

template <bool faulty>
__global__ void never_meet(Planted arguments) {
  float value = 1;
  if (faulty && thread() < 16) {
    __syncthreads();
  } else {
    value = __shfl_sync(0xFFFFFFFFU, value, 0);  // planted: never_meet
  }
  if (!faulty || thread() >= 16) __syncthreads();
  arguments.out[thread()] = value;
}

template <bool faulty>
__global__ void lane_outside_its_mask(Planted arguments) {
  float value = arguments.in[thread()];
  if (faulty || thread() % 32 < 16) {
    value = __shfl_xor_sync(0x0000FFFFU, value, 1);  // planted: lane_outside_its_mask
  }
  arguments.out[thread()] = value;
}

template <bool faulty>
__global__ void different_masks(Planted arguments) {
  const unsigned mask = faulty && thread() % 32 < 16 ? 0x0000FFFFU : 0xFFFFFFFFU;
  arguments.out[thread()] =
      __shfl_xor_sync(mask, arguments.in[thread()], 1);  // planted: different_masks
}

template <bool faulty>
__global__ void source_outside_the_mask(Planted arguments) {
  float value = arguments.in[thread()];
  if (thread() % 32 < 16) {
    value = __shfl_sync(0x0000FFFFU, value, faulty ? 20 : 3);  // planted: source_outside_the_mask
  }
  arguments.out[thread()] = value;
}

template <bool faulty>
__global__ void divergent_shuffle(Planted arguments) {
  float value = arguments.in[thread()];
  if (faulty && thread() % 2 == 0) {
    value = __shfl_xor_sync(0xFFFFFFFFU, value, 1);
  } else {
    value = __shfl_xor_sync(0xFFFFFFFFU, value, 1);  // planted: divergent_shuffle
  }
  arguments.out[thread()] = value;
}

template <bool faulty>
__global__ void incomplete_matrix_warp(Planted arguments) {
  float d[4] = {};
  const std::uint32_t a[4] = {}, b[2] = {};
  if (!faulty || thread() % 32 != 31) {
    simt::mma_tf32(d, a, b);  // planted: incomplete_matrix_warp
  }
  arguments.out[thread()] = d[0];
}

template <bool faulty>
__global__ void trap(Planted arguments) {
  if (faulty && thread() == 3) __trap();  // planted: trap
  arguments.out[thread()] = 1;
}

// ---------------------------------------------------------------------------------------- launch

struct Case {
  std::string_view name;
  void (*faulty)(Planted);
  void (*correct)(Planted);
  unsigned blocks = 1;
};

#define PLANTED(name, ...)                            \
  Case {                                              \
#name, name < true>, name < false>, ##__VA_ARGS__ \
  }
constexpr Case cases[] = {
    PLANTED(read_after_write),
    PLANTED(write_after_read),
    PLANTED(scratch_in_use),
    PLANTED(global_exchange),
    PLANTED(warp_synchrony),
    PLANTED(part_of_a_warp),
    PLANTED(between_blocks, 2),
    PLANTED(atomic_and_plain),
    PLANTED(halves),
    PLANTED(halves_and_word),
    PLANTED(global_bounds),
    PLANTED(global_read_bounds),
    PLANTED(shared_bounds),
    PLANTED(dynamic_shared_bounds),
    PLANTED(misaligned_vector),
    PLANTED(uninitialised_shared, 2),
    PLANTED(uninitialised_global),
    PLANTED(foreign_read),
    PLANTED(foreign_write),
    PLANTED(local_of_another_thread),
    PLANTED(divergent_barrier),
    PLANTED(left_before_barrier),
    PLANTED(never_meet),
    PLANTED(lane_outside_its_mask),
    PLANTED(different_masks),
    PLANTED(source_outside_the_mask),
    PLANTED(divergent_shuffle),
    PLANTED(incomplete_matrix_warp),
    PLANTED(trap),
};

}  // namespace

cudaError_t launch_planted(std::string_view name, bool faulty, const Planted& arguments,
                           cudaStream_t stream) {
  for (const Case& c : cases) {
    if (c.name != name) continue;
    return simt::launch(c.name.data(), faulty ? c.faulty : c.correct, dim3(c.blocks), dim3(64),
                        64 * sizeof(float), stream, arguments);
  }
  return cudaErrorInvalidValue;
}

}  // namespace ekgine::emulation
