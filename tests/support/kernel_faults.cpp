#include "tests/support/kernel_faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "tests/support/device_case.h"
#include "tests/support/kernel_runs.h"

namespace ekgine::testing {

namespace {

constexpr double gradient_tolerance = 1e-7;
constexpr int differences_per_input = 48;

}  // namespace

std::vector<std::string> kernel_faults(const KernelCase& c) {
  std::vector<std::string> faults;
  const auto report = [&](std::string text) { faults.push_back(c.name + ": " + std::move(text)); };
  const auto report_all = [&](const KernelResult& result, const char* when) {
    for (const std::string& fault : result.faults) report(fmt::format("{}: {}", when, fault));
  };
  const auto values = draw_inputs(c);
  const std::size_t inputs = values.size();
  const std::vector<bool> wanted = differentiable_inputs(c);

  const auto run = [&](DType type, const std::vector<bool>& gradients, Use use = Use::once,
                       int repetitions = 1) {
    return run_kernel(
        guarded_cpu(type),
        {.c = c, .values = values, .wanted = gradients, .use = use, .repetitions = repetitions});
  };
  const KernelResult reference = run(DType::f64, wanted);
  report_all(reference, "double");

  // The scalar that is differentiated: Σ cotangent·y, summed pairwise-exact enough in long double.
  const std::vector<double> cotangent = draw_cotangent(reference.output.size());
  const auto scalar = [&](const std::vector<double>& y) {
    long double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += static_cast<long double>(cotangent[i]) * y[i];
    return sum;
  };
  const double floor = gradient_floor(reference.output, cotangent);

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
      const auto scalar_of = [&](const std::vector<std::vector<double>>& at) {
        return scalar(
            run_kernel(
                guarded_cpu(DType::f64),
                {.c = c, .values = at, .wanted = std::vector<bool>(inputs), .backward = false})
                .output);
      };
      const long double above = scalar_of(shifted);
      shifted[i][element] = x - h;
      const double down = shifted[i][element];
      const long double below = scalar_of(shifted);
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
    const KernelResult single = run(DType::f64, alone);
    report_all(single, "one gradient wanted");
    if (!(distance(single.gradients[i], analytic, floor) <= 1e-12)) {
      report(fmt::format("gradient of input {} changes by {:.1e} when no other is wanted", i,
                         distance(single.gradients[i], analytic, floor)));
    }
  }

  if (!c.random) {
    const KernelResult twice = run(DType::f64, wanted, Use::twice);
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

  const KernelResult single_precision = run(DType::f32, wanted);
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

  const KernelResult replayed = run(DType::f32, wanted, Use::once, 3);
  report_all(replayed, "replayed");
  if (!same_bits(replayed.output, single_precision.output)) report("a second run gives other bits");
  for (std::size_t i = 0; i < inputs; ++i) {
    if (!same_bits(replayed.gradients[i], single_precision.gradients[i])) {
      report(fmt::format("a second run gives other bits in the gradient of input {}", i));
    }
  }
  return faults;
}

std::vector<std::string> bfloat16_faults(const KernelCase& c) {
  return device_faults(c, guarded_cpu(DType::bf16), DType::bf16);
}

std::vector<std::vector<double>> kernel_results(const KernelCase& c) {
  const auto values = draw_inputs(c);
  KernelResult result = run_kernel(guarded_cpu(DType::f32),
                                   {.c = c, .values = values, .wanted = differentiable_inputs(c)});
  std::vector<std::vector<double>> results = std::move(result.gradients);
  results.insert(results.begin(), std::move(result.output));
  return results;
}

}  // namespace ekgine::testing
