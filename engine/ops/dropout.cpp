#include "kernels/dropout.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor dropout(Tape& tape, const Tensor& x, double rate) {
  check_dropout_rate(rate, "dropout");
  if (rate == 0 || !tape.training()) return x;
  const kernels::Dropout drop{rate, tape.next_random()};
  const std::int64_t n = x.size();
  const Tensor y = tape.empty(x.shape());
  tape.run({"dropout", kernels::dropout_cost(n, y.element_bytes())}, [&]<class B>(B& b) {
    using T = typename B::Scalar;
    kernels::dropout(b.context, n, drop, x.data<T>(), Gradient<T>{y.data<T>()});
  });
  return tape.record(y, {x}, [n, drop](Backward& node) {
    const GradientPlace dx = node.gradient(0);
    node.run({"dropout", kernels::dropout_cost(n, node.dy().element_bytes())}, [&]<class B>(B& b) {
      using T = typename B::Scalar;
      kernels::dropout(b.context, n, drop, node.dy_data<T>(), dx.as<T>());
    });
  });
}

}  // namespace ekgine
