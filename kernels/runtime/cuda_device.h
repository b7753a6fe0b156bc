// One GPU: its stream, its libraries and its memory.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "kernels/runtime/cuda.h"
#include "kernels/runtime/cuda_communicator.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/reserved_workspace.h"

namespace ekgine {

class CudaDevice {
 public:
  // Why GPU `ordinal` cannot be used, and what to do about it; empty when it can.
  static std::string unusable(int ordinal);
  // GPUs there are, usable or not; 0 also where CUDA cannot tell.
  static int count();
  // "NVIDIA A100 (sm_80, 40 GiB)"
  static std::string describe(int ordinal);
  // What tells a machine's GPUs apart, whatever each process calls them: "0000:17:00.0".
  static std::string bus_address(int ordinal);

  // Takes GPU `ordinal` and reserves its workspace. With `tf32`, products of floats may round their
  // factors to TF32. Errors: no such device, or no memory.
  CudaDevice(int ordinal, std::size_t workspace_bytes, bool tf32 = false);
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;
  ~CudaDevice();

  const Cuda& context() const { return context_; }
  std::string description() const { return describe(ordinal_); }

  // From now on this is the device of rank `rank` of `count`, which call it together (see
  // CudaCommunicator); what waits for the device then waits for them, too, and throws what
  // CudaCommunicator::wait() does. Once.
  void join(const CudaCommunicator::Id& id, int rank, int count,
            std::chrono::milliseconds patience);

  // Device memory; errors name `purpose`, what was asked for and what is free.
  std::unique_ptr<Memory> allocate(const std::string& purpose, std::size_t bytes) const;

  // What the kernels of the following launches read from Cuda::step. Does not wait.
  void set_step(const Step& step);

  // Copies between host and device, in the order of the stream. The host array may be used again
  // when the call returns. write() goes through pinned memory and waits only where that is full of
  // copies the device has not made yet, or the array is larger than a part of it; read() waits for
  // everything queued before; copy() never does.
  void write(void* device, const void* host, std::size_t bytes);
  void read(const void* device, void* host, std::size_t bytes) const;
  void copy(void* to, const void* from, std::size_t bytes) const;  // within the device
  // Returns when everything queued is done.
  void wait() const;

  // Work recorded as a graph, to be launched again and again.
  class Graph;
  // What `work` queues, without running it. It must not wait, allocate, or copy from or to the
  // host.
  std::shared_ptr<Graph> capture(const std::function<void()>& work) const;
  void launch(const Graph& graph) const;

 private:
  int ordinal_;
  struct Stream;  // declared first: everything else is used on it
  class DeviceMemory;
  class Staging;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<ReservedWorkspace> workspace_;
  std::unique_ptr<CudaLibraries> libraries_;
  std::unique_ptr<Memory> step_memory_;
  Cuda context_;
};

}  // namespace ekgine
