// Which cases are timed: those of a list, or one at a shape of the user's own.
#pragma once

#include <string>
#include <vector>

#include "bench/benchmark_options.h"
#include "engine/device.h"
#include "tests/cases/op_cases.h"

namespace ekgine {

// What a device can be asked to time.
struct Timeable {
  std::vector<testing::KernelCase> cases;  // at the shapes of Main_Model, or tiny ones
  std::vector<testing::ShapedOp> shaped;   // at a shape that is asked for

  // The cases that the options ask for, at least one. Errors (UsageError): nothing matches the
  // filter; with a shape, a filter that is no op's name, and numbers that are none, too few, too
  // many, below 1 or too large.
  std::vector<testing::KernelCase> chosen(const BenchmarkOptions& options) const;

  // Those whose name has the filter in it, as text: under each op a line per case; the op's own
  // line says what the numbers of its shape are. Errors (UsageError): nothing matches.
  std::string list(const std::string& filter) const;
};

// Does a case at a shape that was asked for once, if it fits. Errors (UsageError): what the op or
// its kernels refuse, and a pass that does not fit into `memory` bytes.
void check_shape(Device& device, const testing::KernelCase& c, const std::string& shape,
                 double memory);

// On stderr, where an earlier run was on another device.
void tell_other_device(const BenchmarkOptions& options, const std::string& then,
                       const std::string& now);

}  // namespace ekgine
