#include "kernels/relu.h"

#include "engine/back_end.h"
#include "engine/ops.h"

namespace ekgine {

Tensor relu(Tape& tape, const Tensor& x) {
  const std::int64_t n = x.size();
  const Tensor y = tape.empty(x.shape());
  tape.run({"relu", kernels::relu_forward_cost(n, y.element_bytes())},
           [&](auto& b) { kernels::relu_forward(b.context, n, b.data(x), b.data(y)); });
  return tape.record(y, {x}, [n, y](Backward& node) {
    const GradientPlace dx = node.gradient(0);
    const Op backward{"relu", kernels::relu_backward_cost(n, node.dy().element_bytes())};
    node.run(backward, [&](auto& b) {
      kernels::relu_backward(b.context, n, b.data(y), b.data(node.dy()), b.gradient(dx));
    });
  });
}

}  // namespace ekgine
