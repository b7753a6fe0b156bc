#include "bench/rivals.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ekgine {

Results results_of(Device& device, Workload& workload, Pass& pass, bool differentiable) {
  Results results;
  pass.forward();
  results.push_back(device.read_floats(pass.output()));
  if (differentiable) pass.backward();
  pass.finish();
  for (const Tensor& gradient : workload.gradients()) {
    if (gradient) results.push_back(device.read_floats(gradient));
  }
  return results;
}

double difference(const Results& found, const Results& expected) {
  if (found.size() != expected.size()) return INFINITY;
  double worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].size() != expected[i].size()) return INFINITY;
    double apart = 0, length = 0;
    for (std::size_t j = 0; j < found[i].size(); ++j) {
      const double a = found[i][j], b = expected[i][j];
      apart += (a - b) * (a - b);
      length += b * b;
    }
    if (apart > 0) worst = std::max(worst, std::sqrt(apart / length));
    if (std::isnan(apart)) worst = INFINITY;
  }
  return worst;
}

double allowed_difference(DType type, bool tf32) {
  if (type == DType::bf16) return 0.05;
  return tf32 ? 0.05 / 8 : 1e-3;  // three bits more than bfloat16, where it rounds factors
}

std::string told_difference(double difference, double allowed) {
  return difference <= allowed ? "" : fmt::format(" (differs by {:.1e})", difference);
}

}  // namespace ekgine
