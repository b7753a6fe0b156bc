// A step of one op in double, to hold two ways of computing the same against each other.
#pragma once

#include <string>
#include <vector>

#include "tests/support/op_test.h"

namespace ekgine::testing {

using Arrays = std::vector<std::vector<double>>;
using Change = std::function<void(std::vector<double>&)>;

// Records op in training mode on values drawn for `inputs`, of which `change` may change the first,
// and plays it back from a random gradient. Returns the output and, for every input, its gradient,
// or what it holds afterwards where it is not differentiable. `memory`: the bytes of activations.
Arrays double_step(const std::vector<KernelInput>& inputs, const OpFunction& op,
                   const Change& change = {}, std::size_t* memory = nullptr);

// Within 1e-12, or both NaN; `names` are those of the arrays.
void expect_equal(const Arrays& found, const Arrays& expected,
                  const std::vector<std::string>& names, const std::string& what);

}  // namespace ekgine::testing
