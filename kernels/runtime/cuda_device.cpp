#include "kernels/runtime/cuda_device.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "base/option_error.h"
#include "kernels/runtime/cuda_communicator.h"
#include "kernels/runtime/cuda_libraries.h"
#include "kernels/runtime/device_code.h"
#include "kernels/runtime/reserved_workspace.h"

namespace ekgine {

struct CudaDevice::Stream {
  explicit Stream(int ordinal) {
    EKGINE_CUDA(cudaSetDevice(ordinal));
    EKGINE_CUDA(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking));
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    communicator.reset();
    static_cast<void>(cudaStreamDestroy(handle));
  }

  // Returns when everything queued is done; or what came before the event's recording.
  void wait() const {
    if (!communicator) return EKGINE_CUDA(cudaStreamSynchronize(handle));
    communicator->wait([this] { return cudaStreamQuery(handle); });
  }
  void wait(cudaEvent_t event) const {
    if (!communicator) return EKGINE_CUDA(cudaEventSynchronize(event));
    communicator->wait([event] { return cudaEventQuery(event); });
  }

  // Before a copy from or to memory that is not pinned, within which CUDA itself would wait.
  void wait_for_ranks() const {
    if (communicator) wait();
  }

  cudaStream_t handle = nullptr;
  std::unique_ptr<CudaCommunicator> communicator;  // null where there are no other ranks
};

class CudaDevice::DeviceMemory final : public Memory {
 public:
  DeviceMemory(const std::string& purpose, std::size_t bytes, const Stream& stream)
      : Memory(reserve(purpose, bytes), bytes), stream_(stream) {}
  // An error here means that the device is lost, which the next call reports.
  ~DeviceMemory() override { static_cast<void>(cudaFree(data())); }

  void set(std::byte* to, std::uint8_t value, std::size_t count) override {
    EKGINE_CUDA(cudaMemsetAsync(to, value, count, stream_.handle));
  }
  void read(const std::byte* from, std::byte* host, std::size_t count) override {
    stream_.wait_for_ranks();
    EKGINE_CUDA(cudaMemcpyAsync(host, from, count, cudaMemcpyDeviceToHost, stream_.handle));
    stream_.wait();
  }

 private:
  static std::byte* reserve(const std::string& purpose, std::size_t bytes) {
    void* base = nullptr;
    const cudaError_t result = cudaMalloc(&base, bytes);
    if (result == cudaErrorMemoryAllocation) {
      std::size_t free = 0, total = 0;
      EKGINE_CUDA(cudaMemGetInfo(&free, &total));
      fail_option(
          {"batch-size"},
          "{}: {} MiB of device memory do not fit, {} of {} MiB are free; use a smaller batch "
          "size, or free memory of other programs",
          purpose, bytes >> 20, free >> 20, total >> 20);
    }
    EKGINE_CUDA(result);
    return static_cast<std::byte*>(base);
  }

  const Stream& stream_;
};

namespace {

int attribute(cudaDeviceAttr which, int ordinal) {
  int value = 0;
  EKGINE_CUDA(cudaDeviceGetAttribute(&value, which, ordinal));
  return value;
}

}  // namespace

// Pinned host memory on its way to the device: a ring of parts. Copies of a part are queued one
// after another, and an event after its last one says when it may be filled again.
class CudaDevice::Staging {
 public:
  static constexpr std::size_t part_bytes = std::size_t{512} << 10, parts = 4;

  explicit Staging(const Stream& stream) : stream_(stream) {
    EKGINE_CUDA(cudaMallocHost(&memory_, part_bytes * parts));
    for (cudaEvent_t& event : copied_) {
      EKGINE_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    }
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging() {
    for (const cudaEvent_t event : copied_) static_cast<void>(cudaEventDestroy(event));
    static_cast<void>(cudaFreeHost(memory_));
  }

  // A copy of at most part_bytes.
  void write(void* device, const void* host, std::size_t bytes) {
    if (used_ + bytes > part_bytes) {
      EKGINE_CUDA(cudaEventRecord(copied_[part_], stream_.handle));
      part_ = (part_ + 1) % parts;
      stream_.wait(copied_[part_]);  // at once, if it never was recorded
      used_ = 0;
    }
    std::byte* const staged = static_cast<std::byte*>(memory_) + part_ * part_bytes + used_;
    std::memcpy(staged, host, bytes);
    used_ += (bytes + alignment - 1) / alignment * alignment;
    EKGINE_CUDA(cudaMemcpyAsync(device, staged, bytes, cudaMemcpyHostToDevice, stream_.handle));
  }

 private:
  static constexpr std::size_t alignment = 64;

  const Stream& stream_;
  void* memory_ = nullptr;
  std::array<cudaEvent_t, parts> copied_{};
  std::size_t part_ = 0, used_ = 0;
};

class CudaDevice::Graph {
 public:
  explicit Graph(cudaGraph_t graph) {
    const cudaError_t result = cudaGraphInstantiate(&executable_, graph, 0);
    static_cast<void>(cudaGraphDestroy(graph));
    check_cuda(result, "cudaGraphInstantiate(&executable_, graph, 0)", __FILE__, __LINE__);
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() { static_cast<void>(cudaGraphExecDestroy(executable_)); }
  cudaGraphExec_t executable() const { return executable_; }

 private:
  cudaGraphExec_t executable_ = nullptr;
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
  if (!has_device_code(ordinal)) {
    const int major = attribute(cudaDevAttrComputeCapabilityMajor, ordinal);
    const int minor = attribute(cudaDevAttrComputeCapabilityMinor, ordinal);
    return fmt::format("this build has no code for {}; build with -DCMAKE_CUDA_ARCHITECTURES={}{}",
                       describe(ordinal), major, minor);
  }
  return {};
}

int CudaDevice::count() {
  int devices = 0;
  return cudaGetDeviceCount(&devices) == cudaSuccess ? devices : 0;
}

std::string CudaDevice::describe(int ordinal) {
  cudaDeviceProp properties{};
  EKGINE_CUDA(cudaGetDeviceProperties(&properties, ordinal));
  return fmt::format("{} (sm_{}{}, {:.0f} GiB)", properties.name, properties.major,
                     properties.minor, static_cast<double>(properties.totalGlobalMem) / 0x1p30);
}

std::string CudaDevice::bus_address(int ordinal) {
  std::array<char, 32> address{};
  EKGINE_CUDA(cudaDeviceGetPCIBusId(address.data(), static_cast<int>(address.size()), ordinal));
  return address.data();
}

CudaDevice::CudaDevice(int ordinal, std::size_t workspace_bytes, bool tf32)
    : ordinal_(ordinal),
      stream_(std::make_unique<Stream>(ordinal)),
      staging_(std::make_unique<Staging>(*stream_)),
      workspace_(std::make_unique<ReservedWorkspace>(allocate("workspace", workspace_bytes))),
      libraries_(std::make_unique<CudaLibraries>(stream_->handle, tf32)),
      step_memory_(allocate("step", sizeof(Step))),
      context_{.stream = stream_->handle,
               .workspace = *workspace_,
               .libraries = *libraries_,
               .step = reinterpret_cast<const Step*>(step_memory_->data()),
               .multiprocessors = attribute(cudaDevAttrMultiProcessorCount, ordinal),
               .compute_capability = 10 * attribute(cudaDevAttrComputeCapabilityMajor, ordinal) +
                                     attribute(cudaDevAttrComputeCapabilityMinor, ordinal),
               .tf32 = tf32} {
  set_step({});
}

CudaDevice::~CudaDevice() {
  // Nothing may be freed under a running kernel, and none may wait for ranks that have gone.
  stream_->communicator.reset();
  static_cast<void>(cudaStreamSynchronize(stream_->handle));
}

std::unique_ptr<Memory> CudaDevice::allocate(const std::string& purpose, std::size_t bytes) const {
  return std::make_unique<DeviceMemory>(purpose, bytes, *stream_);
}

void CudaDevice::set_step(const Step& step) {
  write(step_memory_->data(), &step, sizeof(step));
}

void CudaDevice::write(void* device, const void* host, std::size_t bytes) {
  if (bytes <= Staging::part_bytes) {
    staging_->write(device, host, bytes);
    return;
  }
  stream_->wait_for_ranks();
  EKGINE_CUDA(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_->handle));
  stream_->wait();
}

void CudaDevice::read(const void* device, void* host, std::size_t bytes) const {
  stream_->wait_for_ranks();
  EKGINE_CUDA(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_->handle));
  stream_->wait();
}

void CudaDevice::wait() const {
  stream_->wait();
}

void CudaDevice::join(const CudaCommunicator::Id& id, int rank, int count,
                      std::chrono::milliseconds patience) {
  stream_->communicator =
      std::make_unique<CudaCommunicator>(stream_->handle, id, rank, count, patience);
  context_.communicator = stream_->communicator.get();
}

void CudaDevice::copy(void* to, const void* from, std::size_t bytes) const {
  EKGINE_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_->handle));
}

std::shared_ptr<CudaDevice::Graph> CudaDevice::capture(const std::function<void()>& work) const {
  EKGINE_CUDA(cudaStreamBeginCapture(stream_->handle, cudaStreamCaptureModeThreadLocal));
  cudaGraph_t graph = nullptr;
  try {
    work();
  } catch (...) {
    // The stream is of use again only after the end of the capture; the first error is the one to
    // report.
    static_cast<void>(cudaStreamEndCapture(stream_->handle, &graph));
    if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
    throw;
  }
  EKGINE_CUDA(cudaStreamEndCapture(stream_->handle, &graph));
  return std::make_shared<Graph>(graph);
}

void CudaDevice::launch(const Graph& graph) const {
  EKGINE_CUDA(cudaGraphLaunch(graph.executable(), stream_->handle));
}

}  // namespace ekgine
