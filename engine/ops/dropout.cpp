#include "kernels/dropout.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor dropout(Tape& tape, const Tensor& x, double rate) {
  check_dropout_rate(rate, "dropout");
  if (rate == 0 || !tape.training()) return x;
  const kernels::Dropout drop{.rate = rate, .op = tape.next_draw(), .first = tape.first_element(x)};
  const std::int64_t n = x.size();
  const Tensor y = tape.empty(x.shape());
  tape.run({"dropout", kernels::dropout_cost(n, y.element_bytes())}, [&](auto& b) {
    kernels::dropout(b.context, n, drop, b.data(x), b.gradient(GradientPlace{y}));
  });
  return tape.record(y, {x}, [n, drop](Backward& node) {
    const GradientPlace dx = node.gradient(0);
    node.run({"dropout", kernels::dropout_cost(n, node.dy().element_bytes())}, [&](auto& b) {
      kernels::dropout(b.context, n, drop, b.data(node.dy()), b.gradient(dx));
    });
  });
}

}  // namespace ekgine
