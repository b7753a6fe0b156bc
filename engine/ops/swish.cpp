#include "kernels/swish.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor swish(Tape& tape, const Tensor& x) {
  const Tensor y = tape.empty(x.shape());
  tape.run({"swish", kernels::swish_forward_cost(x.size(), y.element_bytes())},
           [&](auto& b) { kernels::swish_forward(b.context, x.size(), b.data(x), b.data(y)); });
  return tape.record(y, {x}, [x](Backward& node) {
    const GradientPlace dx = node.gradient_over(0, x);
    const Op backward{"swish", kernels::swish_backward_cost(x.size(), node.dy().element_bytes())};
    node.run(backward, [&](auto& b) {
      kernels::swish_backward(b.context, x.size(), b.data(x), b.data(node.dy()), b.gradient(dx));
    });
  });
}

Tensor swish_dropout(Tape& tape, const Tensor& x, double rate) {
  check_dropout_rate(rate, "swish_dropout");
  if (rate == 0 || !tape.training()) return swish(tape, x);
  const kernels::Dropout drop{.rate = rate, .op = tape.next_draw(), .first = tape.first_element(x)};
  const Tensor y = tape.empty(x.shape());
  const Op forward{"swish_dropout",
                   kernels::swish_dropout_forward_cost(x.size(), y.element_bytes())};
  tape.run(forward, [&](auto& b) {
    kernels::swish_dropout_forward(b.context, x.size(), drop, b.data(x), b.data(y));
  });
  return tape.record(y, {x}, [x, drop](Backward& node) {
    const GradientPlace dx = node.gradient_over(0, x);
    const Op backward{"swish_dropout",
                      kernels::swish_dropout_backward_cost(x.size(), node.dy().element_bytes())};
    node.run(backward, [&](auto& b) {
      kernels::swish_dropout_backward(b.context, x.size(), drop, b.data(x), b.data(node.dy()),
                                      b.gradient(dx));
    });
  });
}

}  // namespace ekgine
