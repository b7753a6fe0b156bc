// Where a kernel puts a gradient, on the device: see Gradient in kernels/runtime/kernel.h.
#pragma once

#include "kernels/device/storage.cuh"
#include "kernels/runtime/kernel.h"

namespace ekgine::device {

// Assigns or adds one element.
template <class T>
__device__ __forceinline__ void put(Gradient<T> gradient, std::int64_t i, float value) {
  if (gradient.accumulate) value += to_float(gradient.data[i]);
  gradient.data[i] = from_float<T>(value);
}

// Assigns or adds 16 bytes of elements that start at element i; data + i is 16-byte aligned.
template <class T>
__device__ __forceinline__ void put(Gradient<T> gradient, std::int64_t i,
                                    float (&values)[vector_width<T>]) {
  if (gradient.accumulate) {
    float before[vector_width<T>];
    load(before, gradient.data + i);
#pragma unroll
    for (int k = 0; k < vector_width<T>; ++k) values[k] += before[k];
  }
  store(gradient.data + i, values);
}

// One element, for kernels that are templates of the width.
template <class T>
__device__ __forceinline__ void put(Gradient<T> gradient, std::int64_t i, float (&values)[1]) {
  put(gradient, i, values[0]);
}

}  // namespace ekgine::device
