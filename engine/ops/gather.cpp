#include "kernels/gather.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor gather(Tape& tape, const Tensor& x, const Tensor& index) {
  check_shape(x.shape().rank() == 2, "gather", "x", "(U,C)", x);
  check_shape(index.shape().rank() == 2, "gather", "index", "(B,T)", index);
  const kernels::GatherShape s{x.shape()[0], x.shape()[1], index.size()};
  Tensor y = tape.empty({index.shape()[0], index.shape()[1], s.channels});
  tape.run({"gather", kernels::gather_forward_cost(s, y.element_bytes())}, [&](auto& b) {
    kernels::gather_forward(b.context, s, b.data(x), index.data<std::int32_t>(), b.data(y));
  });
  return tape.record(y, {x}, [s, index](Backward& node) {
    const GradientPlace dx = node.gradient(0);
    const Op backward{"gather", kernels::gather_backward_cost(s, node.dy().element_bytes())};
    node.run(backward, [&](auto& b) {
      kernels::gather_backward(b.context, s, index.data<std::int32_t>(), b.data(node.dy()),
                               b.gradient(dx));
    });
  });
}

}  // namespace ekgine
