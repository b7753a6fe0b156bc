#include "tests/support/cuda_case.h"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "tests/support/kernel_runs.h"
#if EKGINE_CUDA_EMULATED
#include "tests/emulation/emulation.h"
#endif

namespace ekgine::testing {

namespace {

// Relative to the largest magnitude of an array: sums of a thousand terms in another order.
constexpr double float_floor = 1e-6;

TestDevice& guarded_cuda(DType type) {
  constexpr std::size_t reserve = std::size_t{1} << 26;
  const auto make = [](DType wanted) {
    return [wanted] {
      return Device::cuda(
          0, wanted,
          {.activation_reserve = reserve, .workspace_reserve = reserve, .guarded = true});
    };
  };
  static TestDevice single(make(DType::f32), reserve), half(make(DType::bf16), reserve);
  return type == DType::bf16 ? half : single;
}

// What the emulated device found since the last call; a real one reports by failing calls.
std::vector<std::string> device_faults() {
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

}  // namespace

std::string no_cuda_device() {
  int devices = 0;
  const cudaError_t result = cudaGetDeviceCount(&devices);
  if (result == cudaSuccess && devices > 0) return {};
  return fmt::format("no CUDA device: {}", cudaGetErrorString(result));
}

std::vector<std::string> cuda_faults(const KernelCase& c, DType type) {
  std::vector<std::string> faults;
  const auto report = [&](std::string text) {
    faults.push_back(fmt::format("{} in {}: {}", c.name, name_of(type), text));
  };
  const bool coarse = type == DType::bf16;
  const auto values = draw_inputs(c, coarse);
  const std::vector<bool> wanted = differentiable_inputs(c);
  const auto run = [&](TestDevice& device, const std::vector<bool>& gradients, const char* when,
                       Use use = Use::once, int repetitions = 1) {
    KernelResult result = run_kernel(device, {.c = c,
                                              .values = values,
                                              .wanted = gradients,
                                              .use = use,
                                              .coarse = coarse,
                                              .repetitions = repetitions});
    for (const std::string& fault : result.faults) report(fmt::format("{}: {}", when, fault));
    for (const std::string& fault : device_faults()) report(fmt::format("{}: {}", when, fault));
    return result;
  };
  device_faults();  // of earlier tests
  set_schedule(0);
  TestDevice& cuda = guarded_cuda(type);
  if (!c.cuda_error.empty()) {
    try {
      run(cuda, wanted, "refused");
      report("no error; expected: " + c.cuda_error);
    } catch (const Error& error) {
      if (error.what() != c.cuda_error) report(fmt::format("the error is: {}", error.what()));
    }
    return faults;
  }

  const KernelResult exact = run(guarded_cpu(DType::f64), wanted, "CPU");
  const double floor = gradient_floor(exact.output, draw_cotangent(exact.output.size(), coarse));
  KernelResult cpu;
  if (!coarse) cpu = run(guarded_cpu(DType::f32), wanted, "CPU");
  const auto compare = [&](const std::vector<double>& found, const std::vector<double>& expected,
                           const std::vector<double>& in_float, const std::string& what) {
    const double d = distance(found, expected, floor);
    const double allowed = coarse ? std::max(c.bfloat16_tolerance, c.float_tolerance)
                                  : 4 * distance(in_float, expected, floor) + float_floor;
    if (!(d <= allowed)) {
      report(fmt::format("{} differs from the CPU's in double by {:.1e} (allowed {:.1e})", what, d,
                         allowed));
    }
  };
  const auto compare_gradients = [&](const KernelResult& found, const KernelResult& expected,
                                     const KernelResult& in_float, const std::vector<bool>& of,
                                     const char* when) {
    for (std::size_t i = 0; i < of.size(); ++i) {
      if (!of[i]) continue;
      compare(found.gradients[i], expected.gradients[i],
              coarse ? found.gradients[i] : in_float.gradients[i],
              fmt::format("gradient of input {}{}", i, when));
    }
  };

  const KernelResult first = run(cuda, wanted, "CUDA");
  compare(first.output, exact.output, coarse ? first.output : cpu.output, "output");
  compare_gradients(first, exact, cpu, wanted, "");

  const auto inputs_wanted = std::ranges::count(wanted, true);
  for (std::size_t i = 0; i < wanted.size() && inputs_wanted > 1; ++i) {
    if (!wanted[i]) continue;
    std::vector<bool> alone(wanted.size());
    alone[i] = true;
    compare_gradients(run(cuda, alone, "one gradient wanted"), exact, cpu, alone,
                      " when no other is wanted");
  }
  if (!c.random && inputs_wanted > 0) {
    const KernelResult expected = run(guarded_cpu(DType::f64), wanted, "CPU", Use::twice);
    KernelResult in_float;
    if (!coarse) in_float = run(guarded_cpu(DType::f32), wanted, "CPU", Use::twice);
    compare_gradients(run(cuda, wanted, "used twice", Use::twice), expected, in_float, wanted,
                      " that accumulates");
  }

  set_schedule(0xEC6);
  const KernelResult again = run(cuda, wanted, "again", Use::once, 2);
  set_schedule(0);
  if (!same_bits(again.output, first.output)) report("a second run gives other bits");
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!same_bits(again.gradients[i], first.gradients[i])) {
      report(fmt::format("a second run gives other bits in the gradient of input {}", i));
    }
  }
  return faults;
}

}  // namespace ekgine::testing
