#include "kernels/standardise.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

Tensor standardise(Tape& tape, const Tensor& x, const Tensor& mean, const Tensor& std,
                   const Spoiling& spoiling, std::optional<Columns> columns) {
  check_shape(x.shape().rank() == 2, "standardise", "x", "(N,W)", x);
  const std::int64_t rows = x.shape()[0], width = x.shape()[1];
  const std::string context = "x is (N,W)=" + x.shape().text();
  check_shape(mean, {width}, "standardise", "mean", "(W)", context);
  check_shape(std, {width}, "standardise", "std", "(W)", context);
  const auto [first, count] = columns.value_or(Columns{0, width});
  if (first < 0 || count < 0 || count > width - first) {
    fail("standardise: {} columns from {} on: expected some of x's {}", count, first, width);
  }
  check_dropout_rate(spoiling.dropout, "standardise");
  if (spoiling.group < 1)
    fail("standardise: groups of {} rows: expected 1 or more", spoiling.group);
  const kernels::StandardiseShape s{rows, width, spoiling.group, first, count};
  kernels::FeatureNoise noise;
  if (tape.training()) {
    noise = {.deviation = spoiling.noise,
             .op = tape.next_draw(),
             .drop = {spoiling.dropout, tape.next_draw()},
             .shift = spoiling.shift,
             .shift_op = tape.next_draw(),
             .tied = spoiling.tied};
  }
  Tensor y = tape.empty({rows, count});
  tape.run({"standardise", kernels::standardise_cost(s, y.element_bytes())}, [&](auto& b) {
    kernels::standardise(b.context, s, noise, b.real(x), b.real(mean), b.real(std), b.data(y));
  });
  return y;
}

}  // namespace ekgine
