// Dropout: zeroes elements at random and scales the others so that the expectation stays.
//
// Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: "Dropout: a simple way to prevent
// neural networks from overfitting", JMLR 15, 2014 (in its inverted form).
//
//   x, y (n)
//
// Element i is kept when word first + i of random stream `op` of the step (kernels/philox.h) is at
// least threshold = ⌊rate·2³²⌋, so one Philox block decides four elements:
//
//   y[i] = x[i]·factor[i],  factor[i] = times/(1 − rate) if kept, else 0;  y[i] = 0 even for x[i] =
//   NaN
//
// Backward is the same map: dx = dropout(dy) with the same rate and stream, in the same step.
// Nothing is saved.
//
// y is assigned or accumulated as it says. Deterministic: the same bits at any thread count.
#pragma once

#include <algorithm>
#include <array>

#include "kernels/philox.h"
#include "kernels/runtime/cpu.h"

namespace ekgine::kernels {

// Which elements are dropped: a pure function of the step and the element's number.
struct Dropout {
  double rate = 0;       // in [0, 1)
  std::uint32_t op = 0;  // its random stream
  double times = 1;      // what is kept is multiplied by this as well
  // Elements of the whole batch before these, where several ranks share it.
  std::uint64_t first = 0;

  constexpr std::uint32_t threshold() const { return static_cast<std::uint32_t>(rate * 0x1p32); }
  constexpr double scale() const { return times / (1 - rate); }
};

// factor[0...count) for the elements first, first + 1, ... of those at hand.
template <class T>
void dropout_factors(const Step& step, const Dropout& dropout, std::uint64_t first,
                     std::int64_t count, T* factor);

// On the CPU: calls body(i, factor[i]) for i in [0, n), of so many operations each, without what
// drawing costs. Loops over them are vectorised as one.
template <class T, class Body>
void for_dropout_factors(const Cpu& cpu, std::int64_t n, std::int64_t operations,
                         const Dropout& dropout, const Body& body) {
  constexpr std::int64_t chunk = 256;  // elements whose factors are drawn together
  parallel_for(n, grain_of(operations), [&](std::int64_t begin, std::int64_t end, int) {
    std::array<T, chunk> factor;
    for (std::int64_t i = begin; i < end; i += chunk) {
      const std::int64_t m = std::min(end - i, chunk);
      dropout_factors(cpu.step, dropout, static_cast<std::uint64_t>(i), m, factor.data());
#pragma omp simd
      for (std::int64_t k = 0; k < m; ++k) body(i + k, factor[k]);
    }
  });
}

constexpr Cost dropout_cost(std::int64_t n, double element) {
  return {static_cast<double>(n), 2 * static_cast<double>(n) * element};
}

template <class T>
void dropout(const Cpu& cpu, std::int64_t n, const Dropout& dropout, const T* x, Gradient<T> y);

template <class T>
void dropout(const Cuda& cuda, std::int64_t n, const Dropout& dropout, const T* x, Gradient<T> y);

}  // namespace ekgine::kernels
