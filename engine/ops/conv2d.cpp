#include "kernels/conv2d.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor conv2d(Tape& tape, const Tensor& x, const Tensor& weight) {
  check_shape(x.shape().rank() == 4, "conv2d", "x", "(N,H,W,C)", x);
  check_shape(weight.shape().rank() == 4 && weight.shape()[2] == x.shape()[3], "conv2d", "weight",
              fmt::format("(KH,KW,C,O) with C={}", x.shape()[3]), weight);

  const kernels::Conv2dShape s{.n = x.shape()[0],
                               .h = x.shape()[1],
                               .w = x.shape()[2],
                               .c = x.shape()[3],
                               .kernel_h = weight.shape()[0],
                               .kernel_w = weight.shape()[1],
                               .o = weight.shape()[3]};
  const Tensor w = tape.as_scalar(weight);
  const Tensor y = tape.empty_image({s.n, s.h, s.w, s.o});
  tape.run({"conv2d", kernels::conv2d_forward_cost(s, y.element_bytes())}, [&](auto& b) {
    kernels::conv2d_forward(b.context, s, b.image(x), b.data(w), b.image(y));
  });
  return tape.record(y, {x, weight}, [s, x, w](Backward& node) {
    const GradientPlace dx = node.gradient(0), dweight = node.gradient(1);
    const Op backward{"conv2d", kernels::conv2d_backward_cost(s, node.dy().element_bytes(),
                                                              static_cast<bool>(dx))};
    node.run(backward, [&](auto& b) {
      kernels::conv2d_backward(b.context, s, b.image(x), b.data(w), b.image(node.dy()),
                               b.image_gradient(dx), b.real_gradient(dweight));
    });
  });
}

}  // namespace ekgine
