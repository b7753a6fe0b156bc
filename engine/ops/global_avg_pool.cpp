#include "kernels/global_avg_pool.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor global_avg_pool(Tape& tape, const Tensor& x) {
  check_shape(x.shape().rank() >= 2 && x.size() > 0, "global_avg_pool", "x",
              "(N,...,C) with at least one element", x);
  const std::int64_t n = x.shape()[0], c = x.shape()[-1];
  const kernels::GlobalAvgPoolShape s{n, x.size() / (n * c), c};
  const Tensor y = tape.empty({n, c});
  const Op forward{"global_avg_pool", kernels::global_avg_pool_cost(s, y.element_bytes())};
  tape.run(forward, [&]<class B>(B& b) {
    using T = typename B::Scalar;
    kernels::global_avg_pool_forward(b.context, s, x.data<T>(), y.data<T>());
  });
  return tape.record(y, {x}, [s](Backward& node) {
    const GradientPlace dx = node.gradient(0);
    const Op backward{"global_avg_pool",
                      kernels::global_avg_pool_cost(s, node.dy().element_bytes())};
    node.run(backward, [&]<class B>(B& b) {
      using T = typename B::Scalar;
      kernels::global_avg_pool_backward(b.context, s, node.dy_data<T>(), dx.as<T>());
    });
  });
}

}  // namespace ekgine
