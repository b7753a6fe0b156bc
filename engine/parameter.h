// A named weight of a model, or a named buffer that training updates outside of gradients.
#pragma once

#include <string>

#include "engine/tensor.h"

namespace ekgine {

struct Parameter {
  std::string name;  // dotted path, see model/state_dict.h
  Tensor value;
  Tensor gradient;            // empty for buffers (running statistics)
  bool has_gradient = false;  // set by a backward pass, cleared by the optimiser
};

}  // namespace ekgine
