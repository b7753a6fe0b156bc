// Writes one value everywhere: y = value, (n). Memory-bound.
#pragma once

#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

constexpr Cost fill_cost(std::int64_t n, double element) {
  return {0, static_cast<double>(n) * element};
}

template <class T>
void fill(const Cpu& cpu, std::int64_t n, T value, T* y);

template <class T>
void fill(const Cuda& cuda, std::int64_t n, float value, T* y);

}  // namespace ekgine::kernels
