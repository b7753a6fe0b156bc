#include "kernels/linear.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor linear(Tape& tape, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_shape(x.shape().rank() >= 1, "linear", "x", "(...,I)", x);
  check_shape(weight.shape().rank() == 2 && weight.shape()[0] == x.shape()[-1], "linear", "weight",
              fmt::format("(I,O) with I={}", x.shape()[-1]), weight);
  const kernels::LinearShape s{x.shape().rows(), x.shape()[-1], weight.shape()[1]};
  if (bias) {
    check_shape(bias, {s.out}, "linear", "bias", "(O)", "weight is (I,O)=" + weight.shape().text());
  }

  const Tensor w = tape.as_scalar(weight);
  const Tensor added = bias ? tape.as_scalar(bias) : bias;
  const Tensor y = tape.empty(x.shape().with_last(s.out));
  tape.run({"linear", kernels::linear_forward_cost(s, y.element_bytes())}, [&](auto& b) {
    kernels::linear_forward(b.context, s, b.data(x), b.data(w), added ? b.data(added) : nullptr,
                            b.data(y));
  });
  return tape.record(y, {x, weight, bias}, [s, x, w](Backward& node) {
    const GradientPlace dx = node.gradient(0), dweight = node.gradient(1), dbias = node.gradient(2);
    const Op backward{"linear", kernels::linear_backward_cost(s, node.dy().element_bytes())};
    node.run(backward, [&](auto& b) {
      kernels::linear_backward(b.context, s, b.data(x), b.data(w), b.data(node.dy()),
                               b.gradient(dx), b.real_gradient(dweight), b.real_gradient(dbias));
    });
  });
}

}  // namespace ekgine
