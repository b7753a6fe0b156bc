#include "engine/optimiser.h"

#include "base/error.h"

namespace ekgine {

void adamw_step(Device& device, ParameterSet& parameters, const kernels::AdamWSettings& settings,
                std::int64_t step) {
  for (Parameter& parameter : parameters.trainable()) {
    if (!parameter.has_gradient) fail("adamw: {} has no gradient", parameter.name);
    parameter.has_gradient = false;
  }
  const Tensor values = parameters.values(), gradients = parameters.gradients();
  const Tensor m = parameters.first_moments(), v = parameters.second_moments();
  device.run([&]<class B>(B& b) {
    using T = typename B::Scalar;
    kernels::adamw(b.context, values.size(), settings, step, gradients.data<T>(), values.data<T>(),
                   m.data<T>(), v.data<T>());
  });
}

}  // namespace ekgine
