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
  if (tape.training() && dropout != 0) {
    const std::int64_t sequence = s.heads * s.positions * s.positions;
    drop = {.rate = dropout,
            .op = tape.next_draw(),
            .first = static_cast<std::uint64_t>(tape.part().first * sequence)};
  }
  const Tensor y = tape.empty(shape);
  const Tensor logsumexp = tape.empty_real({s.sequences, s.heads, s.positions});
  const Op forward{"attention", kernels::attention_forward_cost(s, y.element_bytes())};
  tape.run(forward, [&](auto& b) {
    kernels::attention_forward(b.context, s, drop, b.data(query), b.data(key), b.data(value),
                               b.data(y), b.real(logsumexp));
  });
  return tape.record(y, {query, key, value}, [=](Backward& node) {
    const GradientPlace dquery = node.gradient(0), dkey = node.gradient(1),
                        dvalue = node.gradient(2);
    const Op backward{"attention", kernels::attention_backward_cost(s, node.dy().element_bytes())};
    node.run(backward, [&](auto& b) {
      kernels::attention_backward(b.context, s, drop, b.data(query), b.data(key), b.data(value),
                                  b.data(y), b.real(logsumexp), b.data(node.dy()),
                                  b.gradient(dquery), b.gradient(dkey), b.gradient(dvalue));
    });
  });
}

}  // namespace ekgine
