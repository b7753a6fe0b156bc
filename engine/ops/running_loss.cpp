#include "kernels/running_loss.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

void running_loss(Tape& tape, const CrossEntropy& cross_entropy, const Tensor& labels,
                  kernels::RunningLoss* totals) {
  const Tensor& probabilities = cross_entropy.probabilities;
  const kernels::RunningLossShape s{.rows = probabilities.shape()[0],
                                    .classes = probabilities.shape()[1],
                                    .all = tape.in_all(probabilities.shape()[0])};
  check_shape(labels, {s.rows}, "running_loss", "labels", "(B)",
              "probabilities are (B,C)=" + probabilities.shape().text());
  const Op op{"running_loss", kernels::running_loss_cost(s, probabilities.element_bytes())};
  tape.run(op, [&](auto& b) {
    kernels::running_loss(b.context, s, b.real(cross_entropy.loss), b.real(probabilities),
                          labels.data<std::int32_t>(), totals);
  });
}

}  // namespace ekgine
