// One GPU: its stream, its libraries and its memory.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "kernels/runtime/cuda.h"
#include "kernels/runtime/memory.h"

namespace ekgine {

class CudaDevice {
 public:
  // Why GPU `ordinal` cannot be used, and what to do about it; empty when it can.
  static std::string unusable(int ordinal);
  // "NVIDIA A100 (sm_80, 40 GiB)"
  static std::string describe(int ordinal);

  // Takes GPU `ordinal` and reserves its workspace. Errors: no such device, or no memory.
  CudaDevice(int ordinal, std::size_t workspace_bytes);
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;
  ~CudaDevice();

  const Cuda& context() const { return context_; }

  // Device memory; errors name `purpose`, what was asked for and what is free.
  std::unique_ptr<Memory> allocate(const std::string& purpose, std::size_t bytes) const;

  // What the kernels of the following launches read from Cuda::step.
  void set_step(std::uint64_t seed, std::uint32_t step);
  void set_learning_rate(float rate);

  // Copies between host and device, in the order of the stream. The host array may be used again
  // when the call returns.
  void write(void* device, const void* host, std::size_t bytes) const;
  void read(const void* device, void* host, std::size_t bytes) const;

 private:
  struct Stream;  // declared first: everything else is used on it
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<CudaLibraries> libraries_;
  CudaStep step_;  // as the device has it
  std::unique_ptr<Memory> step_memory_;
  Cuda context_;
};

}  // namespace ekgine
