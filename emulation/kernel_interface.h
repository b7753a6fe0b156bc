// What kernels compiled for the emulation call: the execution of a block as seen from one of its
// threads. Kernels reach these through simt.cuh and intrinsics.h only.
//
// Everything here is compiled without instrumentation. The coordinates are returned by value from
// functions marked const (they never change within a thread of a kernel), so that reading threadIdx
// neither touches checked memory nor costs a call per use.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <tuple>
#include <utility>

namespace ekgine::emulation {

[[gnu::const]] uint3 thread_index();
[[gnu::const]] uint3 block_index();
[[gnu::const]] dim3 block_size();
[[gnu::const]] dim3 grid_size();
[[gnu::const]] unsigned lane_index();

// Barriers of the block. Every thread has to come to the same call.
enum class Vote { count, all, any };
void block_barrier(std::source_location at);
int block_barrier(Vote vote, bool predicate, std::source_location at);

// Collectives of the lanes of a warp that `mask` names.
void warp_barrier(unsigned mask, std::source_location at);
unsigned warp_ballot(unsigned mask, bool predicate, std::source_location at);
// The value that lane `source` of the warp passed.
std::uint64_t warp_exchange(unsigned mask, std::uint64_t value, unsigned source,
                            std::source_location at);
// Lanes of the warp that have not left the kernel.
unsigned active_lanes();

// The matrix instructions of a warp; fragments as kernels/device/nvcc/simt.cuh lays them out.
struct MatrixFragments {
  float d[4];
  std::uint32_t a[4], b[2];
};
struct Accumulators {
  float d[4];
};
Accumulators mma_bfloat16(MatrixFragments fragments, std::source_location at);
Accumulators mma_tf32(MatrixFragments fragments, std::source_location at);

// Shared memory of the block, as bytes of NaN until it is written.
[[gnu::const]] void* dynamic_shared_memory();
[[gnu::const]] void* static_shared_memory(const void* key, std::size_t size, std::size_t alignment);
template <class T, class Tag>
inline T& shared_array() {
  static char key;  // its address tells the arrays of a kernel apart
  return *static_cast<T*>(static_shared_memory(&key, sizeof(T), alignof(T)));
}

// One read-modify-write: stores update(old, operand, comparand) and returns old.
template <class Word>
using Update = Word (*)(Word old, Word operand, Word comparand);
std::uint32_t atomic(void* address, std::uint32_t operand, std::uint32_t comparand,
                     Update<std::uint32_t> update);
std::uint64_t atomic(void* address, std::uint64_t operand, std::uint64_t comparand,
                     Update<std::uint64_t> update);

// Ends the kernel with cudaErrorLaunchFailure, as the trap instruction does.
[[noreturn]] void trap(std::source_location at);

// A kernel and its arguments, ready to be run once by every thread of every block.
class Invocation {
 public:
  virtual ~Invocation() = default;
  virtual void run() const = 0;
};

template <class... P>
class Call final : public Invocation {
 public:
  explicit Call(void (*kernel)(P...), P... arguments) : kernel_(kernel), arguments_(arguments...) {}
  void run() const override { call(std::index_sequence_for<P...>()); }

 private:
  // The parameters live in constant memory on a device, where no checker looks.
  template <std::size_t... I>
  __attribute__((noinline, no_sanitize("thread"))) void call(std::index_sequence<I...>) const {
    kernel_(std::get<I>(arguments_)...);
  }
  void (*kernel_)(P...);
  std::tuple<P...> arguments_;
};

cudaError_t launch_kernel(const char* name, dim3 grid, dim3 block, std::size_t shared,
                          cudaStream_t stream, std::unique_ptr<const Invocation> invocation);

}  // namespace ekgine::emulation
