#include "tests/support/device_case.h"

#include <fmt/format.h>

#include <algorithm>

namespace ekgine::testing {

namespace {

// Relative to the largest magnitude of an array: sums of a thousand terms in another order.
constexpr double float_floor = 1e-6;

}  // namespace

std::vector<std::string> device_faults(const KernelCase& c, TestDevice& tested, DType type,
                                       const DeviceHooks& hooks, bool tf32) {
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
    if (!hooks.take_faults) return result;
    for (const std::string& fault : hooks.take_faults()) report(fmt::format("{}: {}", when, fault));
    return result;
  };
  const auto set_schedule = [&](std::uint64_t seed) {
    if (hooks.set_schedule) hooks.set_schedule(seed);
  };
  set_schedule(0);

  const KernelResult exact = run(guarded_cpu(DType::f64), wanted, "CPU");
  const double floor = gradient_floor(exact.output, draw_cotangent(exact.output.size(), coarse));
  KernelResult cpu;
  if (!coarse) cpu = run(guarded_cpu(DType::f32), wanted, "CPU");
  const auto compare = [&](const std::vector<double>& found, const std::vector<double>& expected,
                           const std::vector<double>& in_float, const std::string& what) {
    const double d = distance(found, expected, floor);
    const double as_float = 4 * distance(in_float, expected, floor) + float_floor;
    const double allowed = coarse ? std::max(c.bfloat16_tolerance, c.float_tolerance)
                           : tf32 ? c.bfloat16_tolerance / 4
                                  : as_float;
    if (!(d <= allowed)) {
      report(fmt::format("{} differs from the CPU's in double by {:.1e} (allowed {:.1e})", what, d,
                         allowed));
    }
    if (tf32 && d <= as_float) {
      report(fmt::format("{} differs from the CPU's in double by {:.1e}: no TF32", what, d));
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

  const KernelResult first = run(tested, wanted, "first");
  compare(first.output, exact.output, coarse ? first.output : cpu.output, "output");
  compare_gradients(first, exact, cpu, wanted, "");

  const auto inputs_wanted = std::ranges::count(wanted, true);
  for (std::size_t i = 0; i < wanted.size() && inputs_wanted > 1; ++i) {
    if (!wanted[i]) continue;
    std::vector<bool> alone(wanted.size());
    alone[i] = true;
    compare_gradients(run(tested, alone, "one gradient wanted"), exact, cpu, alone,
                      " when no other is wanted");
  }
  const Device& device = tested.device();
  const bool adds = device.dtype() == device.image_dtype() || first.type == device.dtype();
  if (!c.random && inputs_wanted > 0 && adds) {
    const KernelResult expected = run(guarded_cpu(DType::f64), wanted, "CPU", Use::twice);
    KernelResult in_float;
    if (!coarse) in_float = run(guarded_cpu(DType::f32), wanted, "CPU", Use::twice);
    compare_gradients(run(tested, wanted, "used twice", Use::twice), expected, in_float, wanted,
                      " that accumulates");
  }

  set_schedule(0xEC6);
  const KernelResult again = run(tested, wanted, "again", Use::once, 2);
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
