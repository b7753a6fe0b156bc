#include "kernels/add_position.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor add_position(Tape& tape, const Tensor& x, const Tensor& table) {
  check_shape(x.shape().rank() == 3, "add_position", "x", "(N,T,C)", x);
  if (table.shape().rank() != 2 || table.shape()[1] != x.shape()[2] ||
      table.shape()[0] < x.shape()[1]) {
    fail("add_position: table must be (R,C)=(R,{}) with R >= T = {}, got {}; x is (N,T,C)={}",
         x.shape()[2], x.shape()[1], table.shape().text(), x.shape().text());
  }
  const kernels::AddPositionShape s{x.shape()[0], x.shape()[1], x.shape()[2], table.shape()[0]};
  const Tensor y = tape.empty(x.shape());
  const Op forward{"add_position", kernels::add_position_forward_cost(s, y.element_bytes())};
  tape.run(forward, [&](auto& b) {
    kernels::add_position_forward(b.context, s, b.data(x), b.real(table), b.data(y));
  });
  return tape.record(y, {x, table}, [s](Backward& node) {
    const GradientPlace dx = node.gradient_or_dy(0), dtable = node.gradient(1);
    const Op backward{"add_position", kernels::add_position_backward_cost(
                                          s, node.dy().element_bytes(), static_cast<bool>(dx))};
    node.run(backward, [&](auto& b) {
      kernels::add_position_backward(b.context, s, b.data(node.dy()), b.gradient(dx),
                                     b.real_gradient(dtable));
    });
  });
}

}  // namespace ekgine
