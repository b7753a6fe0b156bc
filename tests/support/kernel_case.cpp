#include "tests/support/kernel_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace ekgine::testing {

namespace {

constexpr double gradient_tolerance = 1e-7;
constexpr int differences_per_input = 48;
constexpr std::size_t guard_elements = 16;
constexpr RandomKey random_key{.seed = 20240711, .step = 3, .op = 0};

// An array in the caller's memory, followed by guard words.
template <class T>
class Guarded {
 public:
  Guarded(const Shape& shape, T fill)
      : shape_(shape), values_(static_cast<std::size_t>(shape.size()) + guard_elements, fill) {
    std::fill(values_.end() - guard_elements, values_.end(), guard());
  }
  Tensor tensor() { return Tensor::view(values_.data(), shape_, dtype_of<T>()); }
  std::span<T> values() { return {values_.data(), values_.size() - guard_elements}; }
  bool intact() const {
    return std::all_of(values_.end() - guard_elements, values_.end(),
                       [](T v) { return v == guard(); });
  }

 private:
  static constexpr T guard() { return T(123456789); }
  Shape shape_;
  std::vector<T> values_;
};

// Values of all inputs, as doubles that floats hold exactly.
std::vector<std::vector<double>> draw_inputs(const KernelCase& c) {
  std::vector<std::vector<double>> values;
  Random random(0xEC6);
  for (const KernelInput& input : c.inputs) {
    auto& v = values.emplace_back(static_cast<std::size_t>(input.shape.size()));
    for (double& x : v) {
      x = static_cast<float>(input.draw ? input.draw(random) : random.normal());
    }
    for (std::size_t i = 0; i < input.integers.size(); ++i) v[i] = input.integers[i];
  }
  return values;
}

std::vector<bool> differentiable_inputs(const KernelCase& c) {
  std::vector<bool> wanted;
  for (const KernelInput& input : c.inputs) {
    wanted.push_back(input.differentiable && input.integers.empty());
  }
  return wanted;
}

struct Result {
  std::vector<double> output;
  std::vector<std::vector<double>> gradients;  // per input; empty where not wanted
  std::vector<std::string> faults;
};

template <class T>
std::vector<double> widen(std::span<const T> values) {
  return {values.begin(), values.end()};
}

// How often the op is recorded: y = op, or y = op + ½·op on the same leaves.
enum class Use { once, twice };

// One for all runs: mapping fresh memory for each would take most of the tests' time, and workspace
// left over from another run shows reads of what was never written better than zeros do.
template <class T>
Device& guarded_device() {
  static Device device = [] {
    Device::Options options;
    options.activation_reserve = std::size_t{1} << 32;
    options.workspace_reserve = std::size_t{1} << 32;
    options.guarded = true;
    return Device::cpu(dtype_of<T>(), options);
  }();
  return device;
}

template <class T>
Result run(const KernelCase& c, const std::vector<std::vector<double>>& values,
           const std::vector<bool>& wanted, Use use, bool gradients, int repetitions = 1) {
  // Nothing to go back to: an op on constants records no node.
  gradients = gradients && std::find(wanted.begin(), wanted.end(), true) != wanted.end();
  Result result;
  Device& device = guarded_device<T>();
  const std::int64_t faults_before = device.activations().faults();
  Arena::Plan plan;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    std::vector<Guarded<T>> real, gradient;
    std::vector<Guarded<std::int32_t>> integer;
    real.reserve(values.size());
    gradient.reserve(values.size());
    integer.reserve(values.size());
    result.gradients.assign(values.size(), {});
    std::vector<std::ptrdiff_t> gradient_of(values.size(), -1);
    {
      Tape tape(device, Tape::Mode::training, plan, random_key);
      std::vector<Tensor> inputs;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const Shape& shape = c.inputs[i].shape;
        if (!c.inputs[i].integers.empty()) {
          auto& array = integer.emplace_back(shape, 0);
          std::transform(values[i].begin(), values[i].end(), array.values().begin(),
                         [](double v) { return static_cast<std::int32_t>(v); });
          inputs.push_back(array.tensor());
          continue;
        }
        auto& array = real.emplace_back(shape, T(0));
        std::transform(values[i].begin(), values[i].end(), array.values().begin(),
                       [](double v) { return static_cast<T>(v); });
        inputs.push_back(array.tensor());
        if (wanted[i]) {
          gradient_of[i] = static_cast<std::ptrdiff_t>(gradient.size());
          auto& place = gradient.emplace_back(shape, std::numeric_limits<T>::quiet_NaN());
          inputs.back() = tape.leaf(inputs.back(), place.tensor());
        }
      }
      Tensor y = c.op(tape, inputs);
      if (use == Use::twice) y = add_scaled(tape, y, 0.5, c.op(tape, inputs));
      result.output = widen<T>(y.span<T>());
      if (gradients) {
        Random random(0xC07A);
        Guarded<T> seed(y.shape(), T(0));
        for (T& v : seed.values()) v = static_cast<T>(static_cast<float>(random.normal()));
        tape.backward(y, seed.tensor());
        if (!seed.intact()) result.faults.push_back("wrote past the end of dy");
      }
      y = Tensor();
      tape.finish();
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (gradient_of[i] < 0 || !gradients) continue;
      auto& place = gradient[static_cast<std::size_t>(gradient_of[i])];
      result.gradients[i] = widen<T>(place.values());
      if (!place.intact()) {
        result.faults.push_back(fmt::format("wrote past the end of the gradient of input {}", i));
      }
    }
    for (const auto& array : real) {
      if (!array.intact()) result.faults.push_back("wrote past the end of an input");
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

// Largest difference relative to the largest magnitude, or to `floor`; infinite where NaN occurs.
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

}  // namespace

std::vector<std::string> kernel_faults(const KernelCase& c) {
  std::vector<std::string> faults;
  const auto report = [&](std::string text) { faults.push_back(c.name + ": " + std::move(text)); };
  const auto report_all = [&](const Result& result, const char* when) {
    for (const std::string& fault : result.faults) report(fmt::format("{}: {}", when, fault));
  };
  const auto values = draw_inputs(c);
  const std::size_t inputs = values.size();
  const std::vector<bool> wanted = differentiable_inputs(c);

  const Result reference = run<double>(c, values, wanted, Use::once, true);
  report_all(reference, "double");

  // The scalar that is differentiated: Σ cotangent·y, summed pairwise-exact enough in long double.
  std::vector<double> cotangent(reference.output.size());
  Random random(0xC07A);
  for (double& v : cotangent) v = static_cast<float>(random.normal());
  const auto scalar = [&](const std::vector<double>& y) {
    long double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += static_cast<long double>(cotangent[i]) * y[i];
    return sum;
  };
  long double magnitude = 0;
  for (std::size_t i = 0; i < cotangent.size(); ++i) {
    magnitude += std::abs(static_cast<long double>(cotangent[i]) * reference.output[i]);
  }

  // A gradient that (nearly) cancels has no digits of its own: it is judged against a tenth of a
  // typical term of the scalar.
  const double floor = 0.1 * static_cast<double>(magnitude) / static_cast<double>(cotangent.size());

  Random pick(0x91C);
  for (std::size_t i = 0; i < inputs; ++i) {
    if (!wanted[i]) continue;
    const auto& analytic = reference.gradients[i];
    const auto n = static_cast<std::int64_t>(values[i].size());
    const double scale = std::max(largest(analytic), floor);
    double worst = 0;
    std::string where;
    for (int k = 0; k < std::min<std::int64_t>(n, differences_per_input); ++k) {
      const auto element =
          static_cast<std::size_t>(n <= differences_per_input ? k : pick.integer(0, n - 1));
      const double x = values[i][element];
      const double h = 1e-5;
      auto shifted = values;
      shifted[i][element] = x + h;
      const double up = shifted[i][element];
      const long double above =
          scalar(run<double>(c, shifted, std::vector<bool>(inputs), Use::once, false).output);
      shifted[i][element] = x - h;
      const double down = shifted[i][element];
      const long double below =
          scalar(run<double>(c, shifted, std::vector<bool>(inputs), Use::once, false).output);
      const double numeric =
          static_cast<double>((above - below) / (static_cast<long double>(up) - down));
      double error = std::abs(numeric - analytic[element]) / scale;
      if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
      if (error > worst) {
        worst = error;
        where = fmt::format("element {}: backward gives {}, differences {}", element,
                            analytic[element], numeric);
      }
    }
    if (!(worst <= gradient_tolerance)) {
      report(fmt::format("gradient of input {} is wrong by {:.1e} ({})", i, worst, where));
    }
    // Backward must write all of it: a NaN left over lies where no difference was taken.
    if (std::any_of(analytic.begin(), analytic.end(), [](double v) { return std::isnan(v); })) {
      report(fmt::format("gradient of input {} holds NaN: not all of it is written", i));
    }
    std::vector<bool> alone(inputs);
    alone[i] = true;
    const Result single = run<double>(c, values, alone, Use::once, true);
    report_all(single, "one gradient wanted");
    if (!(distance(single.gradients[i], analytic, floor) <= 1e-12)) {
      report(fmt::format("gradient of input {} changes by {:.1e} when no other is wanted", i,
                         distance(single.gradients[i], analytic, floor)));
    }
  }

  if (!c.random) {
    const Result twice = run<double>(c, values, wanted, Use::twice, true);
    report_all(twice, "used twice");
    for (std::size_t i = 0; i < inputs; ++i) {
      if (!wanted[i]) continue;
      auto expected = reference.gradients[i];
      for (double& v : expected) v *= 1.5;
      // Sums of opposite signs lose digits relative to their own size, not to their terms'.
      if (!(distance(twice.gradients[i], expected, floor) <= 1e-11)) {
        report(fmt::format("gradient of input {} does not accumulate: wrong by {:.1e}", i,
                           distance(twice.gradients[i], expected, floor)));
      }
    }
  }

  const Result single_precision = run<float>(c, values, wanted, Use::once, true);
  report_all(single_precision, "float");
  const auto compare = [&](const std::vector<double>& found, const std::vector<double>& expected,
                           const std::string& what) {
    const double d = distance(found, expected, floor);
    if (!(d <= c.float_tolerance)) {
      report(fmt::format("{} in float differs from double by {:.1e} (allowed {:.1e})", what, d,
                         c.float_tolerance));
    }
  };
  compare(single_precision.output, reference.output, "output");
  for (std::size_t i = 0; i < inputs; ++i) {
    if (wanted[i]) {
      compare(single_precision.gradients[i], reference.gradients[i],
              fmt::format("gradient of input {}", i));
    }
  }

  const Result replayed = run<float>(c, values, wanted, Use::once, true, 3);
  report_all(replayed, "replayed");
  if (!same_bits(replayed.output, single_precision.output)) report("a second run gives other bits");
  for (std::size_t i = 0; i < inputs; ++i) {
    if (!same_bits(replayed.gradients[i], single_precision.gradients[i])) {
      report(fmt::format("a second run gives other bits in the gradient of input {}", i));
    }
  }
  return faults;
}

std::vector<std::vector<double>> kernel_results(const KernelCase& c) {
  Result result = run<float>(c, draw_inputs(c), differentiable_inputs(c), Use::once, true);
  std::vector<std::vector<double>> results = std::move(result.gradients);
  results.insert(results.begin(), std::move(result.output));
  return results;
}

}  // namespace ekgine::testing
