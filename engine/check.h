// Checks of op arguments: one line that names the op and the shapes, before any work.
#pragma once

#include "base/error.h"
#include "engine/tensor.h"

namespace ekgine {

// Throws "op: argument must be what, got (shape)".
inline void check_shape(bool right, const char* op, const char* argument,
                        const std::string& expected, const Tensor& found) {
  if (!right) fail("{}: {} must be {}, got {}", op, argument, expected, found.shape().text());
}

// Throws unless `found` has the expected shape: "layer_norm: weight must be (C)=(64), got (65); x
// is (N,T,C)=(8,3,64)". `symbols` is the expected shape in letters; `context` may be empty.
inline void check_shape(const Tensor& found, const Shape& expected, const char* op,
                        const char* argument, const char* symbols,
                        const std::string& context = {}) {
  if (found.shape() == expected) return;
  fail("{}: {} must be {}={}, got {}{}{}", op, argument, symbols, expected.text(),
       found.shape().text(), context.empty() ? "" : "; ", context);
}

// Throws unless 0 <= rate < 1 (NaN throws too).
inline void check_dropout_rate(double rate, const char* op) {
  if (!(rate >= 0 && rate < 1)) fail("{}: dropout rate must be in [0, 1), got {}", op, rate);
}

}  // namespace ekgine
