#include "tests/support/kernel_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <utility>

#include "base/error.h"
#include "tests/cases/placement.h"

namespace ekgine::testing {

namespace {

constexpr std::size_t guard_bytes = 64;
constexpr unsigned char guard_byte = 0x5A;
constexpr unsigned char poison_byte = 0xFF;  // NaN in every floating-point format
constexpr RandomKey random_key{.seed = 20240711, .step = 3, .op = 0};

double rounded(double value, bool coarse) {
  const auto narrow = static_cast<float>(value);
  return coarse ? static_cast<float>(bfloat16(narrow)) : narrow;
}

}  // namespace

TestDevice::TestDevice(const std::function<Device()>& make, std::size_t array_bytes)
    : device_(make()), memory_(device_.allocate("test arrays", array_bytes)) {}

std::byte* TestDevice::take(std::size_t bytes) {
  const std::size_t padded =
      (bytes + guard_bytes + Arena::alignment - 1) / Arena::alignment * Arena::alignment;
  if (padded > memory_->bytes() - used_) fail("test arrays: {} bytes do not fit", bytes);
  std::byte* block = memory_->data() + used_;
  used_ += padded;
  memory_->set(block, poison_byte, bytes);
  memory_->set(block + bytes, guard_byte, guard_bytes);
  return block;
}

// An array in the caller's memory, poisoned and followed by guard words.
class DeviceArray {
 public:
  DeviceArray(TestDevice& owner, const Shape& shape, DType type)
      : owner_(owner), bytes_(static_cast<std::size_t>(shape.size()) * size_of(type)) {
    tensor_ = Tensor::view(owner_.take(bytes_), shape, type);
    guard_ = static_cast<std::byte*>(address(tensor_)) + bytes_;
    ++owner_.arrays_;
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() {
    if (--owner_.arrays_ == 0) owner_.used_ = 0;
  }

  const Tensor& tensor() const { return tensor_; }
  bool intact() const {
    std::array<std::byte, guard_bytes> guard{};
    owner_.memory_->read(guard_, guard.data(), guard.size());
    return std::ranges::all_of(guard, [](std::byte b) { return b == std::byte{guard_byte}; });
  }

 private:
  static void* address(const Tensor& tensor) {
    switch (tensor.dtype()) {
      case DType::f32:
        return tensor.data<float>();
      case DType::f64:
        return tensor.data<double>();
      case DType::bf16:
        return tensor.data<bfloat16>();
      case DType::i32:
        break;
    }
    return tensor.data<std::int32_t>();
  }

  TestDevice& owner_;
  std::size_t bytes_;
  Tensor tensor_;
  std::byte* guard_ = nullptr;
};

TestDevice& guarded_cpu(DType type) {
  constexpr std::size_t reserve = std::size_t{1} << 32;
  const auto make = [](DType wanted) {
    return [wanted] {
      return Device::cpu(
          wanted, {.activation_reserve = reserve, .workspace_reserve = reserve, .guarded = true});
    };
  };
  static TestDevice single(make(DType::f32), reserve), twice(make(DType::f64), reserve);
  static TestDevice half(make(DType::bf16), reserve);
  return type == DType::f64 ? twice : type == DType::bf16 ? half : single;
}

std::vector<std::vector<double>> draw_inputs(const KernelCase& c, bool coarse) {
  std::vector<std::vector<double>> values;
  Random random(0xEC6);
  for (const KernelInput& input : c.inputs) {
    auto& v = values.emplace_back(static_cast<std::size_t>(input.shape.size()));
    for (double& x : v) x = rounded(input.draw ? input.draw(random) : random.normal(), coarse);
    for (std::size_t i = 0; i < input.integers.size(); ++i) v[i] = input.integers[i];
  }
  return values;
}

std::vector<double> draw_cotangent(std::size_t size, bool coarse) {
  std::vector<double> cotangent(size);
  Random random(0xC07A);
  for (double& v : cotangent) v = rounded(random.normal(), coarse);
  return cotangent;
}

KernelResult run_kernel(TestDevice& test_device, const KernelRun& run) {
  const KernelCase& c = run.c;
  Device& device = test_device.device();
  const std::size_t inputs = run.values.size();
  // Nothing to go back to: an op on constants records no node.
  const bool backward = run.backward && std::ranges::find(run.wanted, true) != run.wanted.end();
  KernelResult result;
  const std::int64_t faults_before = device.activations().faults();
  Arena::Plan plan;
  for (int repetition = 0; repetition < run.repetitions; ++repetition) {
    std::deque<DeviceArray> arrays;  // each input, and its gradient where it is wanted
    const Placement placement(c, device, run.wanted,
                              [&](const Shape& shape, DType type) -> const Tensor& {
                                return arrays.emplace_back(test_device, shape, type).tensor();
                              });
    placement.write(
        device, [&](std::size_t i) -> const auto& { return run.values[i]; });
    result.gradients.assign(inputs, {});
    {
      Tape tape(device, Tape::Mode::training, plan, random_key);
      const std::vector<Tensor> tensors = placement.on(tape);
      Tensor y = c.op(tape, tensors);
      if (run.use == Use::twice) y = add_scaled(tape, y, 0.5, c.op(tape, tensors));
      result.output = device.read(y);
      result.type = y.dtype();
      if (backward) {
        const DeviceArray seed(test_device, y.shape(), y.dtype());
        device.write(seed.tensor(),
                     std::span<const double>(draw_cotangent(result.output.size(), run.coarse)));
        tape.backward(y, seed.tensor());
        if (!seed.intact()) result.faults.push_back("wrote past the end of dy");
      }
      y = Tensor();
      tape.finish();
    }
    auto array = arrays.begin();
    for (std::size_t i = 0; i < inputs; ++i) {
      if (!(array++)->intact()) {
        result.faults.push_back(fmt::format("wrote past the end of input {}", i));
      }
      const Tensor& gradient = placement.gradients()[i];
      if (!gradient) continue;
      if (!(array++)->intact()) {
        result.faults.push_back(fmt::format("wrote past the end of the gradient of input {}", i));
      }
      if (backward) result.gradients[i] = device.read(gradient);
    }
  }
  if (const auto faults = device.activations().faults() - faults_before; faults != 0) {
    result.faults.push_back(fmt::format(
        "{} memory faults: overwritten guard words, or releases in another order", faults));
  }
  return result;
}

double largest(const std::vector<double>& values) {
  double m = 0;
  for (const double v : values) m = std::max(m, std::abs(v));
  return m;
}

double distance(const std::vector<double>& found, const std::vector<double>& expected,
                double floor) {
  if (found.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double d = std::abs(found[i] - expected[i]);
    if (std::isnan(d)) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, d);
  }
  return worst == 0 ? 0 : worst / std::max(largest(expected), floor);
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

double gradient_floor(const std::vector<double>& output, const std::vector<double>& cotangent) {
  double magnitude = 0;
  for (std::size_t i = 0; i < output.size(); ++i) magnitude += std::abs(cotangent[i] * output[i]);
  return 0.1 * magnitude / static_cast<double>(output.size());
}

}  // namespace ekgine::testing
