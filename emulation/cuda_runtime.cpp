// The CUDA runtime's functions, for the emulated device. What is not here is not emulated: a call
// to it does not link.
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "emulation/address_space.h"
#include "emulation/checker.h"
#include "emulation/device.h"
#include "emulation/device_access.h"
#include "emulation/emulation.h"
#include "emulation/execution.h"
#include "emulation/faults.h"
#include "emulation/kernel_interface.h"
#include "emulation/library.h"
#include "emulation/memory.h"
#include "emulation/operations.h"
#include "emulation/planned_failures.h"
#include "emulation/streams.h"
#include "emulation/symbols.h"

namespace ekgine::emulation {
namespace {

// The device does one thing at a time, whichever host thread asks for it.
std::recursive_mutex device_mutex;
cudaError_t last_error = cudaSuccess;
HostCounters host;

// Runs the body of an API call: one host thread at a time, nothing after an error on the device,
// and the result remembered for cudaGetLastError. `function` is the API call.
template <class Body>
cudaError_t call(Body body, const char* function = __builtin_FUNCTION()) {
  const std::lock_guard lock(device_mutex);
  cudaError_t result = Operations::get().error();
  if (result == cudaSuccess) result = static_cast<cudaError_t>(planned_failure(function));
  if (result == cudaSuccess) result = body();
  if (result == cudaSuccess) result = Operations::get().error();
  if (result != cudaSuccess && result != cudaErrorNotReady) last_error = result;
  return result;
}

// The same for calls that give something back: they do so even then.
template <class Body>
cudaError_t give_back(Body body) {
  const std::lock_guard lock(device_mutex);
  cudaError_t result = body();
  if (result == cudaSuccess) result = Operations::get().error();
  if (result != cudaSuccess) last_error = result;
  return result;
}

const char* name_of(cudaMemcpyKind kind) {
  switch (kind) {
    case cudaMemcpyHostToHost:
      return "host to host";
    case cudaMemcpyHostToDevice:
      return "host to device";
    case cudaMemcpyDeviceToHost:
      return "device to host";
    case cudaMemcpyDeviceToDevice:
      return "device to device";
    case cudaMemcpyDefault:
      return "by address";
  }
  return "?";
}

// One side of a copy or fill: is the range what the call says it is?
bool is_as_claimed(const char* function, const char* side, const void* address, std::size_t size,
                   bool claimed_device, const void* caller) {
  const bool device = AddressSpace::get().contains(address);
  if (device == claimed_device && (!device || is_device_memory(address, size))) return true;
  report("bad address: " + std::string(function) + ", " + source_line(caller) + ": the " + side +
         " of " + std::to_string(size) + " bytes should be " +
         (claimed_device ? "device" : "host") + " memory and is " + describe_address(address));
  return false;
}

cudaError_t copy(void* to, const void* from, std::size_t size, cudaMemcpyKind kind,
                 cudaStream_t stream, bool asynchronous, const void* caller) {
  const char* const function = asynchronous ? "cudaMemcpyAsync" : "cudaMemcpy";
  if (!asynchronous && forbidden_while_capturing()) return cudaErrorStreamCaptureUnsupported;
  if (size == 0) return cudaSuccess;
  const AddressSpace& space = AddressSpace::get();
  const bool by_address = kind == cudaMemcpyDefault;
  const bool to_device = by_address
                             ? space.contains(to)
                             : kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = by_address
                               ? space.contains(from)
                               : kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const std::string name = std::string(function) + " " + name_of(kind);
  if (!is_as_claimed(name.c_str(), "destination", to, size, to_device, caller) ||
      !is_as_claimed(name.c_str(), "source", from, size, from_device, caller)) {
    return cudaErrorInvalidValue;
  }
  // Copies from and to pageable memory return when the host may use it again.
  const bool pageable =
      (!to_device && find_pinned(to) == nullptr) || (!from_device && find_pinned(from) == nullptr);
  cudaStreamCaptureStatus capturing = cudaStreamCaptureStatusNone;
  if (const cudaError_t bad = capture_status(stream, &capturing); bad != cudaSuccess) return bad;
  if (pageable && capturing != cudaStreamCaptureStatusNone) {
    report("pageable memory: " + name + ", " + source_line(caller) +
           ": a copy that is captured into a graph needs page-locked host memory");
    invalidate_capture(stream);
    return cudaErrorStreamCaptureUnsupported;
  }
  const cudaError_t queued = enqueue(
      stream, name,
      [=] {
        // Again, because either may have been freed in between.
        if ((from_device && !is_device_memory(from, size)) ||
            (to_device && !is_device_memory(to, size))) {
          report("bad address: " + name + ", " + source_line(caller) + ": memory was freed while " +
                 "the copy was queued");
          return cudaErrorIllegalAddress;
        }
        if (from_device) checker_read_range(from, size, false);
        if (to_device) checker_write_range(to, size);
        std::memmove(to, from, size);
        if (from_device && to_device) AddressSpace::get().copy_initialised(to, from, size);
        return cudaSuccess;
      },
      caller);
  if (queued != cudaSuccess) return queued;
  return pageable || !asynchronous ? synchronise_stream(stream) : cudaSuccess;
}

cudaError_t fill(void* address, int value, std::size_t size, cudaStream_t stream,
                 const char* function, const void* caller) {
  if (size == 0) return cudaSuccess;
  if (!is_as_claimed(function, "destination", address, size, true, caller)) {
    return cudaErrorInvalidValue;
  }
  return enqueue(
      stream, function,
      [=] {
        if (!device_writes(address, size, "the destination")) return cudaErrorIllegalAddress;
        std::memset(address, value, size);
        return cudaSuccess;
      },
      caller);
}

bool is_valid(dim3 grid, dim3 block, std::size_t shared) {
  const cudaDeviceProp& limits = device_properties();
  const auto within = [](dim3 size, const int(&limit)[3]) {
    const auto ok = [](unsigned n, int most) { return n >= 1 && n <= static_cast<unsigned>(most); };
    return ok(size.x, limit[0]) && ok(size.y, limit[1]) && ok(size.z, limit[2]);
  };
  return within(grid, limits.maxGridSize) && within(block, limits.maxThreadsDim) &&
         block.x * block.y * block.z <= static_cast<unsigned>(limits.maxThreadsPerBlock) &&
         shared <= limits.sharedMemPerBlockOptin;
}

}  // namespace

cudaError_t launch_kernel(const char* name, dim3 grid, dim3 block, std::size_t shared,
                          cudaStream_t stream, std::unique_ptr<const Invocation> invocation) {
  const void* const caller = __builtin_return_address(0);
  return call([&] {
    if (!is_valid(grid, block, shared)) return cudaErrorInvalidConfiguration;
    ++host.launches;
    return enqueue(
        stream, name,
        [=, shared_invocation = std::shared_ptr<const Invocation>(std::move(invocation))] {
          const int failure = planned_failure(name);
          if (failure != 0) return static_cast<cudaError_t>(failure);
          return execute({name, grid, block, shared, *shared_invocation});
        },
        caller);
  });
}

void set_seed(std::uint64_t seed) {
  const std::lock_guard lock(device_mutex);
  set_schedule(seed);
  set_operation_order(seed);
}

void reset_device() {
  const std::lock_guard lock(device_mutex);
  Operations::get().wait_for_all();
  Operations::get().forget_error();
  last_error = cudaSuccess;
}

std::map<std::string, std::uint64_t> launched_graph() {
  const std::lock_guard lock(device_mutex);
  std::map<std::string, std::uint64_t> counts;
  for (const std::string& name : launched_names()) ++counts[name];
  return counts;
}

HostCounters host_counters() {
  const std::lock_guard lock(device_mutex);
  HostCounters counters = host;
  counters.waits = Operations::get().waits();
  return counters;
}

std::vector<std::string> leaks() {
  const std::lock_guard lock(device_mutex);
  std::vector<std::string> lines = allocation_leaks();
  for (std::string& line : stream_leaks()) lines.push_back(std::move(line));
  for (std::string& line : library_leaks()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace ekgine::emulation

using namespace ekgine::emulation;

#define CALLER __builtin_return_address(0)

extern "C" {

// ----------------------------------------------------------------------------------- the device

cudaError_t cudaGetDeviceCount(int* count) {
  return call([&] {
    *count = device_count();
    return cudaSuccess;
  });
}
cudaError_t cudaGetDevice(int* device) {
  *device = device_number();
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  return call([&] { return set_device_number(device) ? cudaSuccess : cudaErrorInvalidDevice; });
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return call([&] {
    if (device < 0 || device >= device_count()) return cudaErrorInvalidDevice;
    *properties = device_properties();
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceGetPCIBusId(char* address, int length, int device) {
  return call([&] {
    if (device < 0 || device >= device_count()) return cudaErrorInvalidDevice;
    std::snprintf(address, static_cast<std::size_t>(length), "0000:%02x:00.0", device + 1);
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return call([&] {
    if (device < 0 || device >= device_count()) return cudaErrorInvalidDevice;
    const cudaDeviceProp& p = device_properties();
    switch (attribute) {
      case cudaDevAttrMaxThreadsPerBlock:
        *value = p.maxThreadsPerBlock;
        break;
      case cudaDevAttrMaxGridDimX:
        *value = p.maxGridSize[0];
        break;
      case cudaDevAttrMaxGridDimY:
        *value = p.maxGridSize[1];
        break;
      case cudaDevAttrMaxGridDimZ:
        *value = p.maxGridSize[2];
        break;
      case cudaDevAttrWarpSize:
        *value = p.warpSize;
        break;
      case cudaDevAttrMultiProcessorCount:
        *value = p.multiProcessorCount;
        break;
      case cudaDevAttrComputeCapabilityMajor:
        *value = p.major;
        break;
      case cudaDevAttrComputeCapabilityMinor:
        *value = p.minor;
        break;
      case cudaDevAttrL2CacheSize:
        *value = p.l2CacheSize;
        break;
      case cudaDevAttrMaxThreadsPerMultiProcessor:
        *value = p.maxThreadsPerMultiProcessor;
        break;
      case cudaDevAttrMaxSharedMemoryPerBlock:
        *value = static_cast<int>(p.sharedMemPerBlock);
        break;
      case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = static_cast<int>(p.sharedMemPerBlockOptin);
        break;
      case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        *value = static_cast<int>(p.sharedMemPerMultiprocessor);
        break;
      default:
        return cudaErrorInvalidValue;
    }
    return cudaSuccess;
  });
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
// The emulated device has code for itself.
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* function) {
  return call([&] {
    if (function == nullptr) return cudaErrorInvalidDeviceFunction;
    *attributes = {};
    attributes->maxThreadsPerBlock = device_properties().maxThreadsPerBlock;
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceSynchronize() {
  return call([] {
    if (forbidden_while_capturing()) return cudaErrorStreamCaptureUnsupported;
    Operations::get().wait_for_all();
    return cudaSuccess;
  });
}

// --------------------------------------------------------------------------------------- memory

cudaError_t cudaMalloc(void** address, std::size_t size) {
  const void* const caller = CALLER;
  return call([&] {
    if (address == nullptr) return cudaErrorInvalidValue;
    *address = nullptr;
    if (forbidden_while_capturing()) return cudaErrorStreamCaptureUnsupported;
    if (size == 0) return cudaSuccess;
    ++host.allocations;
    *address = allocate_device(size, caller);
    return *address != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
  });
}
cudaError_t cudaFree(void* address) {
  const void* const caller = CALLER;
  return give_back([&] {
    if (address == nullptr) return cudaSuccess;
    if (forbidden_while_capturing()) return cudaErrorStreamCaptureUnsupported;
    Operations::get().wait_for_all();
    if (free_device(address)) return cudaSuccess;
    report("bad address: cudaFree, " + source_line(caller) + ", of " + describe_address(address));
    return cudaErrorInvalidValue;
  });
}
cudaError_t cudaMallocHost(void** address, std::size_t size) {
  const void* const caller = CALLER;
  return call([&] {
    if (address == nullptr) return cudaErrorInvalidValue;
    *address = nullptr;
    if (forbidden_while_capturing()) return cudaErrorStreamCaptureUnsupported;
    if (size == 0) return cudaSuccess;
    ++host.allocations;
    *address = allocate_pinned(size, caller);
    return *address != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
  });
}
cudaError_t cudaFreeHost(void* address) {
  const void* const caller = CALLER;
  return give_back([&] {
    if (address == nullptr) return cudaSuccess;
    if (forbidden_while_capturing()) return cudaErrorStreamCaptureUnsupported;
    Operations::get().wait_for_all();
    if (free_pinned(address)) return cudaSuccess;
    report("bad address: cudaFreeHost, " + source_line(caller) + ", of " +
           describe_address(address));
    return cudaErrorInvalidValue;
  });
}
cudaError_t cudaMemGetInfo(std::size_t* available, std::size_t* total) {
  return call([&] {
    *available = device_memory_size() - device_bytes_in_use();
    *total = device_memory_size();
    return cudaSuccess;
  });
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t size, cudaMemcpyKind kind) {
  const void* const caller = CALLER;
  return call([&] { return copy(to, from, size, kind, nullptr, false, caller); });
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t size, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const void* const caller = CALLER;
  return call([&] { return copy(to, from, size, kind, stream, true, caller); });
}
cudaError_t cudaMemset(void* address, int value, std::size_t size) {
  const void* const caller = CALLER;
  return call([&] {
    if (forbidden_while_capturing()) return cudaErrorStreamCaptureUnsupported;
    return fill(address, value, size, nullptr, "cudaMemset", caller);
  });
}
cudaError_t cudaMemsetAsync(void* address, int value, std::size_t size, cudaStream_t stream) {
  const void* const caller = CALLER;
  return call([&] { return fill(address, value, size, stream, "cudaMemsetAsync", caller); });
}

// ---------------------------------------------------------------------------- streams and events

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  const void* const caller = CALLER;
  return call([&] { return create_stream(stream, true, caller); });
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const void* const caller = CALLER;
  return call([&] { return create_stream(stream, (flags & cudaStreamNonBlocking) == 0, caller); });
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return give_back([&] { return destroy_stream(stream); });
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call([&] { return synchronise_stream(stream); });
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return call([&] { return query_stream(stream); });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned /*flags*/) {
  return call([&] { return wait_event(stream, event); });
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  const void* const caller = CALLER;
  return call([&] { return create_event(event, true, caller); });
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const void* const caller = CALLER;
  return call([&] { return create_event(event, (flags & cudaEventDisableTiming) == 0, caller); });
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return give_back([&] { return destroy_event(event); });
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const void* const caller = CALLER;
  return call([&] { return record_event(event, stream, caller); });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call([&] { return synchronise_event(event); });
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return call([&] { return query_event(event); });
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return call([&] { return elapsed_time(milliseconds, start, end); });
}

// --------------------------------------------------------------------------------------- graphs

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return call([&] { return begin_capture(stream, mode); });
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const void* const caller = CALLER;
  return call([&] { return end_capture(stream, graph, caller); });
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return call([&] { return capture_status(stream, status); });
}
cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned /*flags*/) {
  const void* const caller = CALLER;
  return call([&] { return create_graph(graph, caller); });
}
cudaError_t cudaGraphAddChildGraphNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                       const cudaGraphNode_t* dependencies, std::size_t count,
                                       cudaGraph_t child) {
  return call([&] { return add_child_graph(node, graph, dependencies, count, child); });
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long /*flags*/) {
  const void* const caller = CALLER;
  return call([&] { return instantiate(executable, graph, caller); });
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  return call([&] {
    ++host.graphs;
    return launch_graph(executable, stream);
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return give_back([&] { return destroy_graph(graph); });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return give_back([&] { return destroy_executable(executable); });
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  return call([&] {
    if (nodes != nullptr) return cudaErrorNotSupported;
    *count = graph->nodes.size();
    return cudaSuccess;
  });
}

// --------------------------------------------------------------------------------------- errors

cudaError_t cudaGetLastError() {
  const std::lock_guard lock(device_mutex);
  return std::exchange(last_error, Operations::get().error());
}
cudaError_t cudaPeekAtLastError() {
  const std::lock_guard lock(device_mutex);
  return last_error;
}

}  // extern "C"
