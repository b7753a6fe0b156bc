#include "kernels/gather.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor gather(Tape& tape, const Tensor& x, const Tensor& index) {
  check_shape(x.shape().rank() == 2, "gather", "x", "(U,C)", x);
  check_shape(index.shape().rank() == 2, "gather", "index", "(B,T)", index);
  const kernels::GatherShape s{x.shape()[0], x.shape()[1], index.size()};
  const Tensor y = tape.empty({index.shape()[0], index.shape()[1], s.channels});
  tape.run({"gather", kernels::gather_forward_cost(s, y.element_bytes())}, [&]<class B>(B& b) {
    using T = typename B::Scalar;
    kernels::gather_forward(b.context, s, x.data<T>(), index.data<std::int32_t>(), y.data<T>());
  });
  if (!tape.training() || x.id() < 0) return y;

  const Tensor offsets = tape.empty({s.rows + 1}, DType::i32);
  const Tensor picks = tape.empty({s.picks}, DType::i32);
  tape.run({"gather_inverse"}, [&]<class B>(B& b) {
    kernels::gather_inverse(b.context, s, index.data<std::int32_t>(), offsets.data<std::int32_t>(),
                            picks.data<std::int32_t>());
  });
  return tape.record(y, {x}, [s, offsets, picks](Backward& node) {
    const GradientPlace dx = node.gradient(0);
    const Op backward{"gather", kernels::gather_backward_cost(s, node.dy().element_bytes())};
    node.run(backward, [&]<class B>(B& b) {
      using T = typename B::Scalar;
      kernels::gather_backward(b.context, s, offsets.data<std::int32_t>(),
                               picks.data<std::int32_t>(), node.dy_data<T>(), dx.as<T>());
    });
  });
}

}  // namespace ekgine
