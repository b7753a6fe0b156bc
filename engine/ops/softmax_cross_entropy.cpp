#include "kernels/softmax_cross_entropy.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

CrossEntropy softmax_cross_entropy(Tape& tape, const Tensor& logits, const Tensor& labels,
                                   const Tensor& class_weights) {
  check_shape(logits.shape().rank() == 2 && logits.size() > 0, "softmax_cross_entropy", "logits",
              "(B,C) with B, C >= 1", logits);
  const kernels::SoftmaxShape s{logits.shape()[0], logits.shape()[1]};
  const std::string context = "logits are (B,C)=" + logits.shape().text();
  check_shape(labels, {s.rows}, "softmax_cross_entropy", "labels", "(B)", context);
  check_shape(class_weights, {s.classes}, "softmax_cross_entropy", "class_weights", "(C)", context);

  const Tensor loss = tape.empty_real({1});
  const Tensor probabilities = tape.empty_real(logits.shape());
  const Op forward{"softmax_cross_entropy",
                   kernels::softmax_cross_entropy_forward_cost(s, logits.element_bytes())};
  tape.run(forward, [&]<class B>(B& b) {
    using T = typename B::Scalar;
    using R = typename B::Real;
    kernels::softmax_cross_entropy_forward(b.context, s, logits.data<T>(),
                                           labels.data<std::int32_t>(), class_weights.data<R>(),
                                           probabilities.data<R>(), loss.data<R>());
  });
  const Tensor recorded = tape.record(loss, {logits}, [=](Backward& node) {
    const GradientPlace dlogits = node.gradient(0);
    const Op backward{"softmax_cross_entropy", kernels::softmax_cross_entropy_backward_cost(
                                                   s, probabilities.element_bytes())};
    node.run(backward, [&]<class B>(B& b) {
      using T = typename B::Scalar;
      using R = typename B::Real;
      kernels::softmax_cross_entropy_backward(b.context, s, probabilities.data<R>(),
                                              labels.data<std::int32_t>(), class_weights.data<R>(),
                                              node.dy_data<R>(), dlogits.as<T>());
    });
  });
  return {recorded, probabilities};
}

Tensor softmax(Tape& tape, const Tensor& logits) {
  check_shape(logits.shape().rank() >= 1 && logits.shape()[-1] > 0, "softmax", "logits",
              "(...,C) with C >= 1", logits);
  const kernels::SoftmaxShape s{logits.shape().rows(), logits.shape()[-1]};
  const Tensor probabilities = tape.empty_real(logits.shape());
  tape.run({"softmax", kernels::softmax_cost(s, logits.element_bytes())}, [&]<class B>(B& b) {
    using T = typename B::Scalar;
    using R = typename B::Real;
    kernels::softmax(b.context, s, logits.data<T>(), probabilities.data<R>());
  });
  return probabilities;
}

}  // namespace ekgine
