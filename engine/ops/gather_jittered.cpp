#include "kernels/gather_jittered.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor gather_jittered(Tape& tape, const Tensor& x, const Tensor& index, const Tensor& ids,
                       double deviation) {
  check_shape(x.shape().rank() == 2, "gather_jittered", "x", "(N,C)", x);
  check_shape(index.shape().rank() == 1, "gather_jittered", "index", "(U)", index);
  check_shape(ids, index.shape(), "gather_jittered", "ids", "(U)",
              "index is (U)=" + index.shape().text());
  const kernels::GatherJitteredShape s{x.shape()[0], x.shape()[1], index.size()};
  Tensor y = tape.empty_real({s.picks, s.channels});
  const Op op{"gather_jittered", kernels::gather_jittered_cost(s, y.element_bytes())};
  tape.run(op, [&](auto& b) {
    kernels::gather_jittered(b.context, s, deviation, b.real(x), index.data<std::int32_t>(),
                             ids.data<std::int32_t>(), b.real(y));
  });
  return y;
}

}  // namespace ekgine
