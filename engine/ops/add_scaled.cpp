#include "engine/ops/add_scaled.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"
#include "kernels/add_scaled.h"

namespace ekgine {

Tensor add_scaled(Tape& tape, const Tensor& a, double alpha, const Tensor& b) {
  check_shape(b, a.shape(), "add_scaled", "b", "the shape of a");
  const std::int64_t n = a.size();
  const Tensor y = tape.empty(a.shape(), a.dtype());
  const Op forward{"add_scaled", kernels::add_scaled_cost(n, y.element_bytes())};
  tape.run_as(forward, y, [&]<class T>(auto& back_end, std::type_identity<T>) {
    kernels::add_scaled(back_end.context, n, a.data<T>(), back_end.real(alpha), b.data<T>(),
                        y.data<T>());
  });
  return record_add_scaled(tape, y, a, alpha, b);
}

Tensor record_add_scaled(Tape& tape, const Tensor& y, const Tensor& a, double alpha,
                         const Tensor& b, kernels::Dropout dropout) {
  dropout.times = alpha;
  return tape.record(y, {a, b}, [n = y.size(), dropout](Backward& node) {
    const GradientPlace db = node.gradient(1);
    if (dropout.rate == 0) {
      const Op backward{"add_scaled", kernels::scale_cost(n, node.dy().element_bytes())};
      node.run_as(backward, node.dy(), [&]<class T>(auto& back_end, std::type_identity<T>) {
        kernels::scale(back_end.context, n, back_end.real(dropout.times), node.dy_data<T>(),
                       db.as<T>());
      });
    } else {
      const Op backward{"dropout", kernels::dropout_cost(n, node.dy().element_bytes())};
      node.run(backward, [&](auto& back_end) {
        kernels::dropout(back_end.context, n, dropout, back_end.data(node.dy()),
                         back_end.gradient(db));
      });
    }
    node.pass_through(0);  // last: a's gradient becomes dy's memory
  });
}

}  // namespace ekgine
