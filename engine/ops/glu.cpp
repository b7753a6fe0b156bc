#include "kernels/glu.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor glu(Tape& tape, const Tensor& x) {
  check_shape(x.shape().rank() >= 1 && x.shape()[-1] % 2 == 0, "glu", "x", "(...,2C)", x);
  const kernels::GluShape s{x.shape().rows(), x.shape()[-1] / 2};
  const Tensor y = tape.empty(x.shape().with_last(s.channels));
  tape.run({"glu", kernels::glu_forward_cost(s, y.element_bytes())},
           [&](auto& b) { kernels::glu_forward(b.context, s, b.data(x), b.data(y)); });
  return tape.record(y, {x}, [x, s](Backward& node) {
    const GradientPlace dx = node.gradient_over(0, x);
    node.run({"glu", kernels::glu_backward_cost(s, node.dy().element_bytes())}, [&](auto& b) {
      kernels::glu_backward(b.context, s, b.data(x), b.data(node.dy()), b.gradient(dx));
    });
  });
}

}  // namespace ekgine
