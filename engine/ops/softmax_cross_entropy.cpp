#include "kernels/softmax_cross_entropy.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

CrossEntropy softmax_cross_entropy(Tape& tape, const Tensor& logits, const Tensor& labels,
                                   const Tensor& class_weights) {
  check_shape(logits.shape().rank() == 2 && logits.size() > 0, "softmax_cross_entropy", "logits",
              "(B,C) with B, C >= 1", logits);
  const kernels::SoftmaxShape s{.rows = logits.shape()[0],
                                .classes = logits.shape()[1],
                                .all = tape.in_all(logits.shape()[0])};
  const std::string context = "logits are (B,C)=" + logits.shape().text();
  check_shape(labels, {s.rows}, "softmax_cross_entropy", "labels", "(B)", context);
  check_shape(class_weights, {s.classes}, "softmax_cross_entropy", "class_weights", "(C)", context);

  const Tensor loss = tape.empty_real({1});
  const Tensor probabilities = tape.empty_real(logits.shape());
  const Op forward{"softmax_cross_entropy",
                   kernels::softmax_cross_entropy_forward_cost(s, logits.element_bytes())};
  tape.run(forward, [&](auto& b) {
    kernels::softmax_cross_entropy_forward(b.context, s, b.data(logits),
                                           labels.data<std::int32_t>(), b.real(class_weights),
                                           b.real(probabilities), b.real(loss));
  });
  const Tensor recorded = tape.record(loss, {logits}, [=](Backward& node) {
    const GradientPlace dlogits = node.gradient(0);
    const Op backward{"softmax_cross_entropy", kernels::softmax_cross_entropy_backward_cost(
                                                   s, probabilities.element_bytes())};
    node.run(backward, [&](auto& b) {
      kernels::softmax_cross_entropy_backward(b.context, s, b.real(probabilities),
                                              labels.data<std::int32_t>(), b.real(class_weights),
                                              b.real(node.dy()), b.gradient(dlogits));
    });
  });
  return {recorded, probabilities};
}

Tensor softmax(Tape& tape, const Tensor& logits) {
  check_shape(logits.shape().rank() >= 1 && logits.shape()[-1] > 0, "softmax", "logits",
              "(...,C) with C >= 1", logits);
  const kernels::SoftmaxShape s{logits.shape().rows(), logits.shape()[-1]};
  Tensor probabilities = tape.empty_real(logits.shape());
  tape.run({"softmax", kernels::softmax_cost(s, logits.element_bytes())},
           [&](auto& b) { kernels::softmax(b.context, s, b.data(logits), b.real(probabilities)); });
  return probabilities;
}

}  // namespace ekgine
