// The logistic function on the device: see kernels/sigmoid.h.
#pragma once

#include <simt.cuh>

#include "kernels/sigmoid.h"

namespace ekgine::device {

__device__ __forceinline__ kernels::Sigmoid<float> sigmoid(float x) {
  const float e = expf(-fabsf(x));
  const float large = 1.0F / (1.0F + e), small = e * large;
  return x >= 0 ? kernels::Sigmoid<float>{large, small} : kernels::Sigmoid<float>{small, large};
}

}  // namespace ekgine::device
