#include "kernels/running_loss.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

void running_loss(Tape& tape, const CrossEntropy& cross_entropy, const Tensor& labels,
                  kernels::RunningLoss* totals) {
  const Tensor& probabilities = cross_entropy.probabilities;
  const kernels::RunningLossShape s{probabilities.shape()[0], probabilities.shape()[1]};
  check_shape(labels, {s.rows}, "running_loss", "labels", "(B)",
              "probabilities are (B,C)=" + probabilities.shape().text());
  const Op op{"running_loss", kernels::running_loss_cost(s, probabilities.element_bytes())};
  tape.run(op, [&]<class B>(B& b) {
    using R = typename B::Real;
    const auto add = [&](auto... step_if_told) {
      kernels::running_loss(b.context, s, step_if_told..., cross_entropy.loss.data<R>(),
                            probabilities.data<R>(), labels.data<std::int32_t>(), totals);
    };
    if constexpr (B::step_on_device) {
      add();
    } else {
      add(tape.step());
    }
  });
}

}  // namespace ekgine
