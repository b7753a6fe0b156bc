#include "kernels/max_pool2d.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor max_pool2d(Tape& tape, const Tensor& x) {
  check_shape(x.shape().rank() == 4, "max_pool2d", "x", "(N,H,W,C)", x);
  const kernels::MaxPool2dShape s{x.shape()[0], x.shape()[1], x.shape()[2], x.shape()[3]};
  const Tensor y = tape.empty({s.n, s.h / 2, s.w / 2, s.c});
  const Op forward{"max_pool2d", kernels::max_pool2d_forward_cost(s, y.element_bytes())};
  tape.run(forward,
           [&](auto& b) { kernels::max_pool2d_forward(b.context, s, b.data(x), b.data(y)); });
  return tape.record(y, {x}, [s, x](Backward& node) {
    const GradientPlace dx = node.gradient(0);
    const Op backward{"max_pool2d",
                      kernels::max_pool2d_backward_cost(s, node.dy().element_bytes())};
    node.run(backward, [&](auto& b) {
      kernels::max_pool2d_backward(b.context, s, b.data(x), b.data(node.dy()), b.gradient(dx));
    });
  });
}

}  // namespace ekgine
