#include "kernels/attention.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor attention(Tape& tape, const Tensor& query, const Tensor& key, const Tensor& value,
                 double dropout) {
  const Shape& shape = query.shape();
  check_shape(shape.rank() == 4, "attention", "query", "(N,T,H,D)", query);
  check_shape(key, shape, "attention", "key", "(N,T,H,D)");
  check_shape(value, shape, "attention", "value", "(N,T,H,D)");
  check_dropout_rate(dropout, "attention");

  const kernels::AttentionShape s{shape[0], shape[1], shape[2], shape[3]};
  kernels::Dropout drop;
  if (tape.training() && dropout != 0) drop = {dropout, tape.next_random()};
  const Tensor y = tape.empty(shape);
  const Tensor logsumexp = tape.empty_real({s.sequences, s.heads, s.positions});
  const Op forward{"attention", kernels::attention_forward_cost(s, y.element_bytes())};
  tape.run(forward, [&]<class B>(B& b) {
    using T = typename B::Scalar;
    using R = typename B::Real;
    kernels::attention_forward(b.context, s, drop, query.data<T>(), key.data<T>(), value.data<T>(),
                               y.data<T>(), logsumexp.data<R>());
  });
  return tape.record(y, {query, key, value}, [=](Backward& node) {
    const GradientPlace dquery = node.gradient(0), dkey = node.gradient(1),
                        dvalue = node.gradient(2);
    const Op backward{"attention", kernels::attention_backward_cost(s, node.dy().element_bytes())};
    node.run(backward, [&]<class B>(B& b) {
      using T = typename B::Scalar;
      using R = typename B::Real;
      kernels::attention_backward(b.context, s, drop, query.data<T>(), key.data<T>(),
                                  value.data<T>(), y.data<T>(), logsumexp.data<R>(),
                                  node.dy_data<T>(), dquery.as<T>(), dkey.as<T>(), dvalue.as<T>());
    });
  });
}

}  // namespace ekgine
