#include "kernels/standardise.h"

#include "engine/back_end.h"
#include "engine/check.h"
#include "engine/ops.h"

namespace ekgine {

namespace {

void check_columns(const char* op, Columns columns, std::int64_t width) {
  const auto [first, count] = columns;
  if (first < 0 || count < 0 || count > width - first) {
    fail("{}: {} columns from {} on: expected some of x's {}", op, count, first, width);
  }
}

}  // namespace

Tensor standardise(Tape& tape, const Tensor& x, const Tensor& mean, const Tensor& std,
                   const Spoiling& spoiling, std::optional<Columns> columns) {
  check_shape(x.shape().rank() == 2, "standardise", "x", "(N,W)", x);
  const std::int64_t rows = x.shape()[0], width = x.shape()[1];
  const std::string context = "x is (N,W)=" + x.shape().text();
  check_shape(mean, {width}, "standardise", "mean", "(W)", context);
  check_shape(std, {width}, "standardise", "std", "(W)", context);
  const auto [first, count] = columns.value_or(Columns{0, width});
  check_columns("standardise", {first, count}, width);
  check_dropout_rate(spoiling.dropout, "standardise");
  if (spoiling.group < 1)
    fail("standardise: groups of {} rows: expected 1 or more", spoiling.group);
  kernels::StandardiseShape s{rows, width, spoiling.group, first, count};
  kernels::FeatureNoise noise;
  if (tape.training()) {
    s.row = tape.part().first;
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

Tensor take_columns(Tape& tape, const Tensor& x, Columns columns) {
  check_shape(x.shape().rank() == 2, "take_columns", "x", "(N,W)", x);
  const std::int64_t rows = x.shape()[0], width = x.shape()[1];
  check_columns("take_columns", columns, width);
  const kernels::StandardiseShape s{rows, width, 1, columns.first, columns.count};
  Tensor y = tape.empty_real({rows, columns.count});
  tape.run({"take_columns", kernels::standardise_cost(s, y.element_bytes())}, [&]<class B>(B& b) {
    const typename B::Real* const as_is = nullptr;
    kernels::standardise(b.context, s, {}, b.real(x), as_is, as_is, b.real(y));
  });
  return y;
}

}  // namespace ekgine
