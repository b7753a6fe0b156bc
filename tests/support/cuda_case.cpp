#include "tests/support/cuda_case.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include "base/error.h"
#include "tests/support/device_case.h"
#if EKGINE_CUDA_EMULATED
#include "emulation/emulation.h"
#endif

namespace ekgine::testing {

namespace {

TestDevice& guarded_cuda(DType type, bool tf32 = false) {
  constexpr std::size_t reserve = std::size_t{1} << 26;
  const auto make = [](DType wanted, bool rounds) {
    return [wanted, rounds] {
      return Device::cuda(0, wanted,
                          {.activation_reserve = reserve,
                           .workspace_reserve = reserve,
                           .guarded = true,
                           .tf32 = rounds});
    };
  };
  static TestDevice single(make(DType::f32, false), reserve),
      half(make(DType::bf16, false), reserve);
  static TestDevice rounding(make(DType::f32, true), reserve);
  return type == DType::bf16 ? half : tf32 ? rounding : single;
}

// What the emulated device found since the last call; a real one reports by failing calls.
std::vector<std::string> take_device_faults() {
#if EKGINE_CUDA_EMULATED
  return emulation::take_faults();
#else
  return {};
#endif
}

// The order of threads, blocks and streams from now on; real devices have their own.
void set_schedule([[maybe_unused]] std::uint64_t seed) {
#if EKGINE_CUDA_EMULATED
  emulation::set_seed(seed);
#endif
}

// The device must refuse the case with its cuda_error.
std::vector<std::string> refusal_faults(const KernelCase& c, DType type) {
  const auto fault = [&](const std::string& text) {
    return std::vector{fmt::format("{} in {}: {}", c.name, name_of(type), text)};
  };
  try {
    run_kernel(guarded_cuda(type),
               {.c = c, .values = draw_inputs(c), .wanted = differentiable_inputs(c)});
  } catch (const Error& error) {
    if (error.what() == c.cuda_error) return {};
    return fault(fmt::format("the error is: {}", error.what()));
  }
  return fault("no error; expected: " + c.cuda_error);
}

}  // namespace

std::string no_cuda_device() {
  int devices = 0;
  const cudaError_t result = cudaGetDeviceCount(&devices);
  if (result == cudaSuccess && devices > 0) return {};
  return fmt::format("no CUDA device: {}", cudaGetErrorString(result));
}

std::vector<std::string> cuda_faults(const KernelCase& c, DType type, bool tf32) {
  take_device_faults();  // of earlier tests
  if (!c.cuda_error.empty()) return refusal_faults(c, type);
  return device_faults(c, guarded_cuda(type, tf32), type,
                       {.take_faults = take_device_faults, .set_schedule = set_schedule}, tf32);
}

}  // namespace ekgine::testing
