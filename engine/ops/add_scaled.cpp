#include "engine/check.h"
#include "engine/ops.h"
#include "kernels/elementwise.h"

namespace ekgine {

Tensor add_scaled(Tape& tape, const Tensor& a, double alpha, const Tensor& b) {
  check_shape(b, a.shape(), "add_scaled", "b", "the shape of a");
  const std::int64_t n = a.size();
  const Tensor y = tape.empty(a.shape());
  tape.run([&]<class B>(B& back_end) {
    using T = typename B::Scalar;
    kernels::add_scaled(back_end.context, n, a.data<T>(), static_cast<T>(alpha), b.data<T>(),
                        y.data<T>());
  });
  return tape.record(y, {a, b}, [n, alpha](Backward& node) {
    const GradientPlace db = node.gradient(1);
    node.run([&]<class B>(B& back_end) {
      using T = typename B::Scalar;
      kernels::scale(back_end.context, n, static_cast<T>(alpha), node.dy_data<T>(), db.as<T>());
    });
    node.pass_through(0);  // last: a's gradient becomes dy's memory
  });
}

}  // namespace ekgine
