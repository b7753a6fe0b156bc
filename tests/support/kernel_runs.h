// Runs of a KernelCase on one device, in poisoned and guarded memory: what
// kernel_faults.h, device_case.h and cuda_case.h compare.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/device.h"
#include "tests/cases/kernel_case.h"

namespace ekgine::testing {

// A device and memory on it for the caller's arrays.
class TestDevice {
 public:
  TestDevice(const std::function<Device()>& make, std::size_t array_bytes);

  Device& device() { return device_; }

 private:
  friend class DeviceArray;
  std::byte* take(std::size_t bytes);

  Device device_;
  std::unique_ptr<Memory> memory_;
  std::size_t used_ = 0;
  int arrays_ = 0;  // alive: the last one gives all memory back
};

// One for all tests of the program: mapping fresh memory for each would take most of their time,
// and workspace left over from another run shows reads of what was never written better than zeros
// do.
TestDevice& guarded_cpu(DType type);

// Values of all inputs, as doubles that floats hold exactly; with `coarse` also bfloat16.
std::vector<std::vector<double>> draw_inputs(const KernelCase& c, bool coarse = false);
// The gradient of the output that backward starts from, drawn in the same way.
std::vector<double> draw_cotangent(std::size_t size, bool coarse = false);

// How often the op is recorded: y = op, or y = op + ½·op on the same leaves.
enum class Use { once, twice };

struct KernelRun {
  const KernelCase& c;
  const std::vector<std::vector<double>>& values;
  std::vector<bool> wanted;  // gradients, per input
  Use use = Use::once;
  bool backward = true;
  bool coarse = false;  // draws the cotangent so
  // Of the same step: the first one plans the memory, the others replay the plan.
  int repetitions = 1;
};

struct KernelResult {
  std::vector<double> output;
  DType type = DType::f64;                     // of the output
  std::vector<std::vector<double>> gradients;  // per input; empty where not wanted
  std::vector<std::string> faults;             // of memory
};

// The last repetition's results.
KernelResult run_kernel(TestDevice& device, const KernelRun& run);

double largest(const std::vector<double>& values);

// Largest difference relative to the largest magnitude, or to `floor`; infinite where NaN occurs.
double distance(const std::vector<double>& found, const std::vector<double>& expected,
                double floor);

bool same_bits(const std::vector<double>& a, const std::vector<double>& b);

// A gradient that (nearly) cancels has no digits of its own: it is judged against a tenth of a
// typical term of Σ cotangent·y.
double gradient_floor(const std::vector<double>& output, const std::vector<double>& cotangent);

}  // namespace ekgine::testing
