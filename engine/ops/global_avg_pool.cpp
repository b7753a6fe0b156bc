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
  tape.run(forward,
           [&](auto& b) { kernels::global_avg_pool_forward(b.context, s, b.data(x), b.data(y)); });
  return tape.record(y, {x}, [s](Backward& node) {
    const GradientPlace dx = node.gradient(0);
    const Op backward{"global_avg_pool",
                      kernels::global_avg_pool_cost(s, node.dy().element_bytes())};
    node.run(backward, [&](auto& b) {
      kernels::global_avg_pool_backward(b.context, s, b.data(node.dy()), b.gradient(dx));
    });
  });
}

}  // namespace ekgine
