#include "kernels/lstm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/cases/ops/lstm.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

Tensor last_state(Tape& tape, std::span<const Tensor> in) {
  return lstm(tape, in[0], in[1]);
}

// Of a single position the recurrent weights have no gradient. Where another op has left one, it
// stays.
TEST(Lstm, AddsNothingWhereItHasNothingToAdd) {
  KernelCase c = lstm_case(3, 1, 2);
  c.name += " and a product with the same weights";
  c.op = [](Tape& tape, std::span<const Tensor> in) {
    const Tensor state = lstm(tape, in[0], in[1]);
    return add_scaled(tape, state, 1,
                      linear(tape, in[0].reshape({3, 8}), in[1].reshape({8, 2}), Tensor()));
  };
  expect_no_faults({c});
}

// Sequence by sequence and unit by unit, from the definition.
std::vector<double> step_by_step(kernels::LstmShape s, const std::vector<double>& projected,
                                 const std::vector<double>& recurrent) {
  const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  std::vector<double> y;
  for (std::int64_t n = 0; n < s.sequences; ++n) {
    std::vector<double> h(at(s.units)), c(at(s.units));
    for (std::int64_t t = 0; t < s.positions; ++t) {
      const std::vector<double> before = h;
      for (std::int64_t unit = 0; unit < s.units; ++unit) {
        double z[4];
        for (std::int64_t gate = 0; gate < 4; ++gate) {
          const std::int64_t column = gate * s.units + unit;
          z[gate] = projected[at((n * s.positions + t) * 4 * s.units + column)];
          for (std::int64_t k = 0; k < s.units; ++k) {
            z[gate] += before[at(k)] * recurrent[at(k * 4 * s.units + column)];
          }
        }
        const double in = logistic(z[0]), forget = logistic(z[1]), out = logistic(z[3]);
        c[at(unit)] = forget * c[at(unit)] + in * std::tanh(z[2]);
        h[at(unit)] = out * std::tanh(c[at(unit)]);
      }
    }
    y.insert(y.end(), h.begin(), h.end());
  }
  return y;
}

TEST(Lstm, IsTheRecurrenceOfItsDefinition) {
  Random random(4);
  const auto draw = [&](std::int64_t n) {
    std::vector<double> values(static_cast<std::size_t>(n));
    for (double& v : values) v = random.normal();
    return values;
  };
  for (const std::int64_t positions : {1, 2, 3, 9}) {
    for (const std::int64_t units : {1, 3, 8}) {
      const kernels::LstmShape s{4, positions, units};
      const auto projected = draw(4 * positions * 4 * units), recurrent = draw(units * 4 * units);
      const auto expected = step_by_step(s, projected, recurrent);
      for (const Tape::Mode mode : {Tape::Mode::inference, Tape::Mode::training}) {
        const auto found = evaluate(
            mode, {{{4, positions, 4 * units}, projected}, {{units, 4 * units}, recurrent}},
            last_state);
        ASSERT_EQ(found.size(), expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
          EXPECT_NEAR(found[i], expected[i], 1e-13) << Shape{4, positions, units}.text();
        }
      }
    }
  }
}

// Gates at both ends of their range: all finite, and exactly what they are there for.
TEST(Lstm, OpenAndShutGatesAreExact) {
  const double open = 1000, shut = -1000;
  // One unit whose input gate is open first and shut afterwards: the candidate of position 0 stays.
  EXPECT_EQ(evaluate(Tape::Mode::inference,
                     {{{1, 3, 4},
                       {open, shut, open, shut, shut, open, open, shut, shut, open, -open, open}},
                      {{1, 4}, {0, 0, 0, 0}}},
                     last_state),
            (std::vector<double>{std::tanh(1.0)}));
  // Its forget gate shut in between: nothing stays.
  EXPECT_EQ(evaluate(Tape::Mode::inference,
                     {{{1, 2, 4}, {open, open, open, open, shut, shut, open, open}},
                      {{1, 4}, {0, 0, 0, 0}}},
                     last_state),
            (std::vector<double>{0}));
}

// Sequences know nothing of each other: those of a batch alone give the same bits.
TEST(Lstm, SequencesAreIndependent) {
  Random random(9);
  std::vector<double> projected(3 * 4 * 12), recurrent(3 * 12);
  for (double& v : projected) v = random.normal();
  for (double& v : recurrent) v = random.normal();
  const auto all =
      evaluate(Tape::Mode::inference, {{{3, 4, 12}, projected}, {{3, 12}, recurrent}}, last_state);
  for (std::ptrdiff_t n = 0; n < 3; ++n) {
    const std::vector<double> one(projected.begin() + n * 48, projected.begin() + (n + 1) * 48);
    EXPECT_EQ(
        evaluate(Tape::Mode::inference, {{{1, 4, 12}, one}, {{3, 12}, recurrent}}, last_state),
        (std::vector<double>(all.begin() + n * 3, all.begin() + (n + 1) * 3)));
  }
}

TEST(Lstm, NamesTheShapesItRefuses) {
  expect_op_error({{8, 3, 66}, {16, 64}}, last_state,
                  "lstm: projected must be (N,T,4H) with T and H at least 1, got (8,3,66)");
  expect_op_error({{8, 64}, {16, 64}}, last_state,
                  "lstm: projected must be (N,T,4H) with T and H at least 1, got (8,64)");
  expect_op_error({{8, 0, 64}, {16, 64}}, last_state,
                  "lstm: projected must be (N,T,4H) with T and H at least 1, got (8,0,64)");
  expect_op_error({{8, 3, 64}, {64, 16}}, last_state,
                  "lstm: recurrent must be (H,4H)=(16,64), got (64,16); projected is "
                  "(N,T,4H)=(8,3,64)");
}

}  // namespace
}  // namespace ekgine::testing
