// GPUs that compute together, each in a process of its own: NCCL on the device's stream.
//
// Every rank makes the same calls in the same order, with the same sizes. A call queues work and
// returns; it may be captured into a graph, by all ranks or by none. Sums have the same bits on all
// ranks, and again where as many GPUs are connected in the same way.
//
// NVLink's switches could add up, in an order that differs from call to call: NCCL_NVLS_ENABLE is
// set to 0 unless the environment says otherwise.
//
// Errors name NCCL's call, its place and its reason. Not for several threads at once.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace ekgine {

class CudaCommunicator {
 public:
  // What ranks know each other by: made by one of them, and told to the others.
  using Id = std::array<char, 128>;
  static Id new_id();

  // "NCCL 2.28.3"; "" of a build without.
  static std::string library();

  // Rank `rank` of `count`, on the device that is set. Returns when all have come. When the others
  // do not answer for as long as `patience`, wait() throws. Errors: a build without NCCL.
  CudaCommunicator(cudaStream_t stream, const Id& id, int rank, int count,
                   std::chrono::milliseconds patience);
  CudaCommunicator(const CudaCommunicator&) = delete;
  CudaCommunicator& operator=(const CudaCommunicator&) = delete;
  // The graphs that it was captured into are gone. Waits for what is queued; while an exception
  // passes by it is given up instead.
  ~CudaCommunicator();

  // values (n): the sum over the ranks, in place.
  void sum(std::int64_t n, float* values);
  void sum(std::int64_t n, double* values);
  // `all`, assigned: what the ranks have, in their order, bytes[r] of rank r. `mine` may lie in its
  // place there.
  void gather(std::span<const std::int64_t> bytes, const void* mine, void* all);
  // `mine` has a piece for each rank, in their order, sizes[r] values for rank r: piece
  // (sizes[this rank]), assigned, is the sum over the ranks of theirs for this one.
  void sum_pieces(std::span<const std::int64_t> sizes, const float* mine, float* piece);
  // What `calls` asks of this object is one launch.
  void together(const std::function<void()>& calls);

  // Returns when done() says so, which is cudaSuccess; cudaErrorNotReady until then. Errors: what
  // else it says; NCCL's own, which it tells of in its own time; the ranks' silence. After one the
  // communicator is of no more use, and what waits on the device for other ranks is given up.
  void wait(const std::function<cudaError_t()>& done);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ekgine
