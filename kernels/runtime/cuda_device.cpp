#include "kernels/runtime/cuda_device.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include "base/error.h"
#include "kernels/runtime/cuda_libraries.h"

namespace ekgine {

namespace {

class CudaMemory final : public Memory {
 public:
  CudaMemory(const std::string& purpose, std::size_t bytes, cudaStream_t stream)
      : Memory(reserve(purpose, bytes), bytes), stream_(stream) {}
  // An error here means that the device is lost, which the next call reports.
  ~CudaMemory() override { static_cast<void>(cudaFree(data())); }

  void set(std::byte* to, std::uint8_t value, std::size_t count) override {
    EKGINE_CUDA(cudaMemsetAsync(to, value, count, stream_));
  }
  void read(const std::byte* from, std::byte* host, std::size_t count) override {
    EKGINE_CUDA(cudaMemcpyAsync(host, from, count, cudaMemcpyDeviceToHost, stream_));
    EKGINE_CUDA(cudaStreamSynchronize(stream_));
  }

 private:
  static std::byte* reserve(const std::string& purpose, std::size_t bytes) {
    void* base = nullptr;
    const cudaError_t result = cudaMalloc(&base, bytes);
    if (result == cudaErrorMemoryAllocation) {
      std::size_t free = 0, total = 0;
      EKGINE_CUDA(cudaMemGetInfo(&free, &total));
      fail("{}: {} MiB of device memory do not fit, {} of {} MiB are free; use a smaller batch",
           purpose, bytes >> 20, free >> 20, total >> 20);
    }
    EKGINE_CUDA(result);
    return static_cast<std::byte*>(base);
  }

  cudaStream_t stream_;
};

int attribute(cudaDeviceAttr which, int ordinal) {
  int value = 0;
  EKGINE_CUDA(cudaDeviceGetAttribute(&value, which, ordinal));
  return value;
}

}  // namespace

struct CudaDevice::Stream {
  explicit Stream(int ordinal) {
    EKGINE_CUDA(cudaSetDevice(ordinal));
    EKGINE_CUDA(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking));
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { static_cast<void>(cudaStreamDestroy(handle)); }

  cudaStream_t handle = nullptr;
};

std::string CudaDevice::unusable(int ordinal) {
  int devices = 0;
  const cudaError_t result = cudaGetDeviceCount(&devices);
  if (result == cudaErrorInsufficientDriver) {
    return "the NVIDIA driver is missing or older than this build's CUDA; install a newer one";
  }
  if (result != cudaSuccess && result != cudaErrorNoDevice) {
    return fmt::format("{} ({})", cudaGetErrorString(result), cudaGetErrorName(result));
  }
  if (result == cudaErrorNoDevice || devices == 0) return "no CUDA device is there";
  if (ordinal >= devices) return fmt::format("there is no CUDA device {}", ordinal);
  return {};
}

std::string CudaDevice::describe(int ordinal) {
  cudaDeviceProp properties{};
  EKGINE_CUDA(cudaGetDeviceProperties(&properties, ordinal));
  return fmt::format("{} (sm_{}{}, {:.0f} GiB)", properties.name, properties.major,
                     properties.minor, static_cast<double>(properties.totalGlobalMem) / 0x1p30);
}

CudaDevice::CudaDevice(int ordinal, std::size_t workspace_bytes)
    : stream_(std::make_unique<Stream>(ordinal)),
      workspace_(std::make_unique<Workspace>(allocate("workspace", workspace_bytes))),
      libraries_(std::make_unique<CudaLibraries>(stream_->handle)),
      step_memory_(allocate("step", sizeof(CudaStep))),
      context_{.stream = stream_->handle,
               .workspace = *workspace_,
               .libraries = *libraries_,
               .step = reinterpret_cast<const CudaStep*>(step_memory_->data()),
               .multiprocessors = attribute(cudaDevAttrMultiProcessorCount, ordinal),
               .compute_capability = 10 * attribute(cudaDevAttrComputeCapabilityMajor, ordinal) +
                                     attribute(cudaDevAttrComputeCapabilityMinor, ordinal)} {
  set_step(0, 0);
}

CudaDevice::~CudaDevice() {
  // Nothing may be freed under a running kernel.
  static_cast<void>(cudaStreamSynchronize(stream_->handle));
}

std::unique_ptr<Memory> CudaDevice::allocate(const std::string& purpose, std::size_t bytes) const {
  return std::make_unique<CudaMemory>(purpose, bytes, stream_->handle);
}

void CudaDevice::set_step(std::uint64_t seed, std::uint32_t step) {
  step_.seed = seed;
  step_.step = step;
  write(step_memory_->data(), &step_, sizeof(step_));
}

void CudaDevice::set_learning_rate(float rate) {
  step_.learning_rate = rate;
  write(step_memory_->data(), &step_, sizeof(step_));
}

void CudaDevice::write(void* device, const void* host, std::size_t bytes) const {
  EKGINE_CUDA(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_->handle));
  EKGINE_CUDA(cudaStreamSynchronize(stream_->handle));
}

void CudaDevice::read(const void* device, void* host, std::size_t bytes) const {
  EKGINE_CUDA(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_->handle));
  EKGINE_CUDA(cudaStreamSynchronize(stream_->handle));
}

}  // namespace ekgine
