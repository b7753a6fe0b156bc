#include "engine/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/option_error.h"
#include "engine/back_end.h"
#include "engine/ranks.h"
#include "kernels/runtime/cpu.h"
#include "kernels/runtime/instruction_set.h"
#include "kernels/runtime/processor.h"
#if EKGINE_HAS_CUDA
#include "kernels/runtime/cuda_device.h"
#include "kernels/runtime/reserved_workspace.h"
#endif

namespace ekgine {

namespace {

BackEnd cpu_back_end(DType type, Workspace& workspace) {
  if (type == DType::f32) return {CpuBackEnd<float>(workspace)};
  if (type == DType::f64) return {CpuBackEnd<double>(workspace)};
  if (type == DType::bf16) return {CpuBackEnd<float, bfloat16>(workspace)};
  fail("device: {} is no type to compute in (f32, f64, bf16 are)", name_of(type));
}

template <class To, class From>
To convert_to(From value) {
  if constexpr (std::is_same_v<To, bfloat16> || std::is_same_v<From, bfloat16>) {
    return static_cast<To>(static_cast<float>(value));
  } else {
    return static_cast<To>(value);
  }
}

std::atomic<int> process_number = 0;

void check_count(std::size_t values, const Tensor& tensor) {
  if (static_cast<std::int64_t>(values) != tensor.size()) {
    fail("input: {} values for shape {}", values, tensor.shape().text());
  }
}

}  // namespace

void set_process_number(int number) {
  process_number = number;
}

Device Device::cpu(DType type, const Options& options) {
  return Device(type, options);
}

Device::Device(DType type, const Options& options)
    : type_(type == DType::bf16 ? DType::f32 : type),
      image_type_(type),
      workspace_(std::make_unique<ReservedWorkspace>(options.workspace_reserve)),
      activations_("activations", options.activation_reserve, options.guarded),
      back_end_(std::make_unique<BackEnd>(cpu_back_end(type, *workspace_))) {}

#if EKGINE_HAS_CUDA

namespace {

BackEnd cuda_back_end(DType type, const Cuda& context) {
  if (type == DType::f32) return {CudaBackEnd<float>(context)};
  if (type == DType::bf16) return {CudaBackEnd<bfloat16>(context)};
  fail("device: {} is no type to compute in on CUDA (f32, bf16 are)", name_of(type));
}

}  // namespace

Device Device::cuda(int ordinal, DType type) {
  return cuda(ordinal, type, {.activation_reserve = 0, .workspace_reserve = cuda_workspace});
}

Device Device::cuda(int ordinal, DType type, const Options& options) {
  return Device(std::make_unique<CudaDevice>(ordinal, options.workspace_reserve, options.tf32),
                type, options);
}

Device::Device(std::unique_ptr<CudaDevice> cuda, DType type, const Options& options)
    : type_(type),
      image_type_(type),
      cuda_(std::move(cuda)),
      activations_("activations",
                   options.activation_reserve == 0
                       ? planned_memory(std::size_t{1} << 46)
                       : cuda_->allocate("activations", options.activation_reserve),
                   options.guarded),
      planning_(options.activation_reserve == 0),
      back_end_(std::make_unique<BackEnd>(cuda_back_end(type, cuda_->context()))) {}

const Workspace& Device::workspace() const {
  return on_host() ? *workspace_ : cuda_->context().workspace;
}

std::unique_ptr<Memory> Device::allocate(const std::string& purpose, std::size_t bytes) const {
  return on_host() ? host_memory(purpose, bytes) : cuda_->allocate(purpose, bytes);
}

void Device::back_activations() {
  if (!planning_) return;
  activations_.move_to(cuda_->allocate("activations", activations_.high_water()));
  planning_ = false;
}

#else

class CudaDevice {};

const Workspace& Device::workspace() const {
  return *workspace_;
}

std::unique_ptr<Memory> Device::allocate(const std::string& purpose, std::size_t bytes) const {
  return host_memory(purpose, bytes);
}

void Device::back_activations() {}

#endif

void Device::set_step(const Step& step) {
  if (step == step_) return;
  step_ = step;
  run([&]<class B>(B& b) {
    if constexpr (!B::is_cuda) b.context.step = step;
  });
#if EKGINE_HAS_CUDA
  if (!on_host()) cuda_->set_step(step);
#endif
}

std::unique_ptr<Memory> Device::allocate(const std::string& purpose,
                                         std::initializer_list<Place> places) const {
  const auto bytes_of = [](const Place& place) {
    const std::size_t bytes = static_cast<std::size_t>(place.shape.size()) * size_of(place.type);
    return (bytes + Arena::alignment - 1) / Arena::alignment * Arena::alignment;
  };
  std::size_t bytes = 0;
  for (const Place& place : places) bytes += bytes_of(place);
  std::unique_ptr<Memory> memory = allocate(purpose, bytes);
  memory->set(memory->data(), 0, bytes);
  std::byte* data = memory->data();
  for (const Place& place : places) {
    place.tensor = Tensor::view(data, place.shape, place.type);
    data += bytes_of(place);
  }
  return memory;
}

Device Device::open(DeviceChoice choice, PrecisionChoice precision,
                    const std::function<void(const std::string&)>& say) {
  const DType type = precision == PrecisionChoice::bf16 ? DType::bf16 : DType::f32;
#if EKGINE_HAS_CUDA
  if (choice != DeviceChoice::cpu) {
    const int ordinal = ordinal_of(choice, process_number % std::max(CudaDevice::count(), 1));
    const std::string reason = CudaDevice::unusable(ordinal);
    if (reason.empty()) {
      say(CudaDevice::describe(ordinal));
      return cuda(ordinal, type,
                  {.activation_reserve = 0,
                   .workspace_reserve = cuda_workspace,
                   .tf32 = precision == PrecisionChoice::tf32});
    }
    if (asks_for_cuda(choice)) {
      fail_option({"device"}, "device {}: {}", choice_name(choice), reason);
    }
    say("CPU, since " + reason);
  }
#else
  static_cast<void>(say);
  if (asks_for_cuda(choice)) {
    fail_option({"device"}, "device {}: this build has no CUDA back end; use the CPU",
                choice_name(choice));
  }
#endif
  if (precision == PrecisionChoice::tf32) {
    fail_option({"precision", "device"}, "precision tf32 needs the device cuda");
  }
  return cpu(type);
}

Device::~Device() = default;

std::string Device::description() const {
#if EKGINE_HAS_CUDA
  if (!on_host()) return cuda_->description();
#endif
  const int threads = thread_count();
  return fmt::format("{}, {}, {} thread{}", processor_name(), label(instruction_set()), threads,
                     threads == 1 ? "" : "s");
}

void Device::join([[maybe_unused]] Ranks& ranks) {
#if EKGINE_HAS_CUDA
  if (on_host() || ranks.count() == 1) return;
  if (CudaCommunicator::library().empty()) {
    fail("this build has no NCCL, by which several GPUs train; install it beside CUDA");
  }
  CudaCommunicator::Id id{};
  if (ranks.rank() == 0) id = CudaCommunicator::new_id();
  id = ranks.gather(id).front();
  ranks.wait_in([&] { cuda_->join(id, ranks.rank(), ranks.count(), ranks.patience()); });
#endif
}

void Device::wait() const {
#if EKGINE_HAS_CUDA
  if (!on_host()) cuda_->wait();
#endif
}

void Device::write_bytes(void* device, const void* host, std::size_t bytes) const {
  if (on_host()) std::memcpy(device, host, bytes);
#if EKGINE_HAS_CUDA
  if (!on_host()) cuda_->write(device, host, bytes);
#endif
}

void Device::read_bytes(const void* device, void* host, std::size_t bytes) const {
  if (on_host()) std::memcpy(host, device, bytes);
#if EKGINE_HAS_CUDA
  if (!on_host()) cuda_->read(device, host, bytes);
#endif
}

void Device::copy(const Tensor& to, const Tensor& from) const {
  if (to.size() != from.size() || to.dtype() != from.dtype()) {
    fail("copy: {} of {} into {} of {}", name_of(from.dtype()), from.shape().text(),
         name_of(to.dtype()), to.shape().text());
  }
  const std::size_t bytes = static_cast<std::size_t>(to.size()) * size_of(to.dtype());
  if (on_host()) std::memcpy(to.bytes(), from.bytes(), bytes);
#if EKGINE_HAS_CUDA
  if (!on_host()) cuda_->copy(to.bytes(), from.bytes(), bytes);
#endif
}

template <class To, class From>
void Device::write_as(const Tensor& tensor, std::span<const From> values) const {
  check_count(values.size(), tensor);
  if (on_host()) {
    std::ranges::transform(values, tensor.data<To>(), convert_to<To, From>);
    return;
  }
  if constexpr (std::is_same_v<To, From>) {
    write_bytes(tensor.data<To>(), values.data(), values.size_bytes());
  } else {
    std::vector<To> converted(values.size());
    std::ranges::transform(values, converted.begin(), convert_to<To, From>);
    write_bytes(tensor.data<To>(), converted.data(), converted.size() * sizeof(To));
  }
}

template <class From>
void Device::write_real(const Tensor& tensor, std::span<const From> values) const {
  switch (tensor.dtype()) {
    case DType::f32:
      return write_as<float>(tensor, values);
    case DType::f64:
      return write_as<double>(tensor, values);
    case DType::bf16:
      return write_as<bfloat16>(tensor, values);
    case DType::i32:
      fail("input: real values for a tensor {} of integers", tensor.shape().text());
  }
}

void Device::write(const Tensor& tensor, std::span<const double> values) const {
  write_real(tensor, values);
}
void Device::write(const Tensor& tensor, std::span<const float> values) const {
  write_real(tensor, values);
}
void Device::write(const Tensor& tensor, std::span<const std::int32_t> values) const {
  write_as<std::int32_t>(tensor, values);
}

template <class To, class From>
std::vector<To> Device::read_as(const Tensor& tensor) const {
  std::vector<From> values(static_cast<std::size_t>(tensor.size()));
  read_bytes(tensor.data<From>(), values.data(), values.size() * sizeof(From));
  if constexpr (std::is_same_v<To, From>) {
    return values;
  } else {
    std::vector<To> converted(values.size());
    std::ranges::transform(values, converted.begin(), convert_to<To, From>);
    return converted;
  }
}

template <class To>
std::vector<To> Device::read_real(const Tensor& tensor) const {
  switch (tensor.dtype()) {
    case DType::f32:
      return read_as<To, float>(tensor);
    case DType::f64:
      return read_as<To, double>(tensor);
    case DType::bf16:
      return read_as<To, bfloat16>(tensor);
    case DType::i32:
      break;
  }
  return read_as<To, std::int32_t>(tensor);
}

std::vector<double> Device::read(const Tensor& tensor) const {
  return read_real<double>(tensor);
}

std::vector<float> Device::read_floats(const Tensor& tensor) const {
  return read_real<float>(tensor);
}

}  // namespace ekgine
