#include "kernels/gather_jittered.h"

#include <fmt/format.h>

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor gather_jittered(Tape& tape, const Tensor& x, const Tensor& index, const Tensor& ids,
                       const Tensor& typical, const Tensor& records,
                       const kernels::Jitter& jitter) {
  check_shape(x.shape().rank() == 2, "gather_jittered", "x", "(N,C)", x);
  check_shape(index.shape().rank() == 1, "gather_jittered", "index", "(U)", index);
  const std::string expected = "index is (U)=" + index.shape().text();
  check_shape(ids, index.shape(), "gather_jittered", "ids", "(U)", expected);
  check_shape(records, index.shape(), "gather_jittered", "records", "(U)", expected);
  check_shape(typical.shape().rank() == 2 && typical.shape()[1] == x.shape()[1], "gather_jittered",
              "typical", fmt::format("(R,C)=(R,{})", x.shape()[1]), typical);
  const kernels::GatherJitteredShape s{x.shape()[0], x.shape()[1], index.size(),
                                       typical.shape()[0]};
  Tensor y = tape.empty_real({s.picks, s.channels});
  const Op op{"gather_jittered", kernels::gather_jittered_cost(s, jitter, y.element_bytes())};
  tape.run(op, [&](auto& b) {
    kernels::gather_jittered(b.context, s, jitter, b.real(x), index.data<std::int32_t>(),
                             ids.data<std::int32_t>(), b.real(typical),
                             records.data<std::int32_t>(), b.real(y));
  });
  return y;
}

}  // namespace ekgine
