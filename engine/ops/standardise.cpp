#include "kernels/standardise.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor standardise(Tape& tape, const Tensor& x, const Tensor& mean, const Tensor& std,
                   const Spoiling& spoiling) {
  check_shape(x.shape().rank() == 2, "standardise", "x", "(N,C)", x);
  const std::int64_t channels = x.shape()[1];
  const std::string context = "x is (N,C)=" + x.shape().text();
  check_shape(mean, {channels}, "standardise", "mean", "(C)", context);
  check_shape(std, {channels}, "standardise", "std", "(C)", context);
  check_dropout_rate(spoiling.dropout, "standardise");
  if (spoiling.group < 1)
    fail("standardise: groups of {} rows: expected 1 or more", spoiling.group);
  const kernels::StandardiseShape s{x.shape()[0], channels, spoiling.group};
  kernels::FeatureNoise noise;
  if (tape.training()) {
    noise = {.deviation = spoiling.noise,
             .op = tape.next_draw(),
             .drop = {spoiling.dropout, tape.next_draw()},
             .shift = spoiling.shift,
             .shift_op = tape.next_draw(),
             .tied = spoiling.tied};
  }
  Tensor y = tape.empty(x.shape());
  tape.run({"standardise", kernels::standardise_cost(s, y.element_bytes())}, [&](auto& b) {
    kernels::standardise(b.context, s, noise, b.real(x), b.real(mean), b.real(std), b.data(y));
  });
  return y;
}

}  // namespace ekgine
