#include "engine/optimiser.h"

#include "base/error.h"
#include "engine/back_end.h"
#include "kernels/moving_average.h"
#include "kernels/put_back.h"

namespace ekgine {

void keep_buffers(const Device& device, ParameterSet& parameters) {
  device.copy(parameters.kept_buffers(), parameters.buffer_values());
}

void adamw_step(Device& device, ParameterSet& parameters, const kernels::AdamWSettings& settings,
                const std::uint32_t* stop) {
  for (Parameter& parameter : parameters.trainable()) {
    if (!parameter.has_gradient) fail("adamw: {} has no gradient", parameter.name);
    parameter.has_gradient = false;
  }
  const Tensor values = parameters.values(), gradients = parameters.gradients();
  const Tensor m = parameters.first_moments(), v = parameters.second_moments();
  const Tensor buffers = parameters.buffer_values(), kept = parameters.kept_buffers();
  const Op op{"adamw", kernels::adamw_cost(values.size(), values.element_bytes())};
  const auto launch = [&](auto& b) {
    kernels::adamw(b.context, values.size(), settings, b.real(gradients), b.real(values), b.real(m),
                   b.real(v), stop);
    if (stop == nullptr) return;
    kernels::put_back(b.context, buffers.size(), stop, b.real(kept), b.real(buffers));
  };
  device.measure(op, Phase::update, [&] { device.run(launch); });
}

void average_step(Device& device, ParameterSet& parameters, double decay,
                  const std::uint32_t* stop) {
  const Tensor values = parameters.values(), average = parameters.average();
  const Op op{"moving_average",
              kernels::moving_average_cost(values.size(), values.element_bytes())};
  const auto launch = [&](auto& b) {
    kernels::moving_average(b.context, values.size(), decay, b.real(values), b.real(average), stop);
  };
  device.measure(op, Phase::update, [&] { device.run(launch); });
}

}  // namespace ekgine
