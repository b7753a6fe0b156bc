// Another storage type for the same values.
//
//   x (n) float → y (n) bfloat16, rounded to nearest, ties to even; NaN stays NaN
//   x (n) bfloat16 → y (n) float, exact
//
// Master weights are float; products of bfloat16 activations need them in bfloat16. What ranks add
// up of such activations is float in between. y is assigned. Memory-bound, deterministic.
#pragma once

#include "kernels/runtime/kernel.h"

namespace ekgine::kernels {

constexpr Cost convert_cost(std::int64_t n) {
  return {0, 6 * static_cast<double>(n)};
}

void convert(const Cuda& cuda, std::int64_t n, const float* x, bfloat16* y);
void convert(const Cuda& cuda, std::int64_t n, const bfloat16* x, float* y);

}  // namespace ekgine::kernels
