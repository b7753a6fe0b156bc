// Whether a rival does what the op does: what both benchmarks look at before its time counts.
#pragma once

#include <string>
#include <vector>

#include "bench/workload.h"

namespace ekgine {

// What a pass comes to: the output, then the gradients of the inputs.
using Results = std::vector<std::vector<float>>;

// Does the pass, backward too where `differentiable`.
Results results_of(Device& device, Workload& workload, Pass& pass, bool differentiable);

// sqrt(Σ(a−b)²/Σb²), the largest of all arrays; infinite where they are not of the same number.
double difference(const Results& found, const Results& expected);

// Results of rivals may differ by rounding; more than this is another computation.
double allowed_difference(DType type, bool tf32 = false);

// " (differs by 1.2e-01)", or nothing.
std::string told_difference(double difference, double allowed);

}  // namespace ekgine
