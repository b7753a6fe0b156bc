#include "kernels/lstm.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor lstm(Tape& tape, const Tensor& projected, const Tensor& recurrent) {
  const Shape& shape = projected.shape();
  check_shape(shape.rank() == 3 && shape[1] >= 1 && shape[2] >= 4 && shape[2] % 4 == 0, "lstm",
              "projected", "(N,T,4H) with T and H at least 1", projected);
  const kernels::LstmShape s{shape[0], shape[1], shape[2] / 4};
  check_shape(recurrent, {s.units, 4 * s.units}, "lstm", "recurrent", "(H,4H)",
              "projected is (N,T,4H)=" + shape.text());

  const Tensor u = tape.as_scalar(recurrent);
  const Tensor y = tape.empty({s.sequences, s.units});
  const Tensor gates = tape.empty({s.positions, s.sequences, 4 * s.units});
  const Tensor cell = tape.empty_real({s.positions, s.sequences, s.units});
  const Tensor hidden = tape.empty({s.positions - 1, s.sequences, s.units});
  const Op op{"lstm", kernels::lstm_forward_cost(s, y.element_bytes())};
  tape.run(op, [&](auto& b) {
    kernels::lstm_forward(b.context, s, b.data(projected), b.data(u), b.data(y), b.data(gates),
                          b.real(cell), b.data(hidden));
  });
  return tape.record(y, {projected, recurrent}, [=](Backward& node) {
    const GradientPlace dprojected = node.gradient(0), drecurrent = node.gradient(1);
    const Op backward{"lstm", kernels::lstm_backward_cost(s, node.dy().element_bytes())};
    node.run(backward, [&](auto& b) {
      kernels::lstm_backward(b.context, s, b.data(u), b.data(gates), b.real(cell), b.data(hidden),
                             b.data(node.dy()), b.gradient(dprojected),
                             b.real_gradient(drecurrent));
    });
  });
}

}  // namespace ekgine
