#include "kernels/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/runtime/reserved_workspace.h"
#include "tests/cases/ops/attention.h"
#include "tests/support/at.h"
#include "tests/support/op_test.h"

namespace ekgine::testing {
namespace {

using kernels::AttentionShape;

constexpr RandomKey random_key{.seed = 77, .step = 5, .op = 2};

struct Inputs {
  AttentionShape shape;
  std::vector<double> query, key, value;
};

Inputs draw(AttentionShape s, double deviation = 1) {
  Random random(7);
  Inputs in{s, {}, {}, {}};
  for (auto* array : {&in.query, &in.key, &in.value}) {
    array->resize(at(s.rows() * s.width));
    for (double& v : *array) v = deviation * random.normal();
  }
  return in;
}

Shape shape_of(AttentionShape s) {
  return {s.sequences, s.positions, s.heads, s.width};
}

std::vector<double> attend(const Inputs& in, double rate = 0,
                           Tape::Mode mode = Tape::Mode::training, RandomKey random = random_key) {
  const Shape shape = shape_of(in.shape);
  return evaluate(
      mode, {{shape, in.query}, {shape, in.key}, {shape, in.value}},
      [rate](Tape& tape, std::span<const Tensor> t) {
        return attention(tape, t[0], t[1], t[2], rate);
      },
      random);
}

// The definition, with the whole T×T matrix and dropout word by word.
std::vector<double> by_definition(const Inputs& in, double rate) {
  // Named one by one: clang 16 captures no structured binding where OpenMP is on.
  const std::int64_t sequences = in.shape.sequences, positions = in.shape.positions,
                     heads = in.shape.heads, width = in.shape.width;
  std::vector<double> y(in.query.size());
  const auto row = [&](std::int64_t n, std::int64_t t, std::int64_t h) {
    return ((n * positions + t) * heads + h) * width;
  };
  for (std::int64_t n = 0; n < sequences; ++n) {
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t i = 0; i < positions; ++i) {
        std::vector<long double> weight;
        long double sum = 0;
        for (std::int64_t j = 0; j < positions; ++j) {
          long double score = 0;
          for (std::int64_t d = 0; d < width; ++d) {
            score += in.query[at(row(n, i, h) + d)] * in.key[at(row(n, j, h) + d)];
          }
          weight.push_back(std::exp(score / std::sqrt(static_cast<long double>(width))));
          sum += weight.back();
        }
        for (std::int64_t j = 0; j < positions; ++j) {
          const std::int64_t element = ((n * heads + h) * positions + i) * positions + j;
          const double word = random_word(random_key, static_cast<std::uint64_t>(element));
          if (word < std::floor(rate * 4294967296.0)) continue;
          for (std::int64_t d = 0; d < width; ++d) {
            y[at(row(n, i, h) + d)] += static_cast<double>(weight[at(j)] / sum / (1 - rate)) *
                                       in.value[at(row(n, j, h) + d)];
          }
        }
      }
    }
  }
  return y;
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected,
                 double tolerance, const std::string& what) {
  ASSERT_EQ(found.size(), expected.size()) << what;
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], tolerance) << what << ", element " << i;
  }
}

TEST(Attention, GivesTheSameBitsAtAnyThreadCount) {
  expect_same_bits_at_any_thread_count(attention_case(7, 33, 5, 31, 0.3));
  expect_same_bits_at_any_thread_count(attention_cases().model.front());
}

TEST(Attention, IsTheSumOfItsDefinition) {
  for (const AttentionShape s :
       {AttentionShape{2, 1, 2, 3}, AttentionShape{3, 3, 8, 16}, AttentionShape{2, 17, 3, 5},
        AttentionShape{1, 65, 2, 33}, AttentionShape{1, 200, 1, 4}}) {
    const Inputs in = draw(s);
    for (const double rate : {0.0, 0.3}) {
      expect_near(attend(in, rate), by_definition(in, rate), 1e-13,
                  shape_of(s).text() + (rate != 0 ? " with dropout" : ""));
    }
  }
}

TEST(Attention, GivesTheValuesOfASinglePosition) {
  const Inputs in = draw({5, 1, 3, 4}, 10);
  EXPECT_EQ(attend(in), in.value);
}

TEST(Attention, DropsNothingInInference) {
  const Inputs in = draw({2, 5, 2, 4});
  EXPECT_EQ(attend(in, 0.9, Tape::Mode::inference), attend(in, 0));
  EXPECT_NE(attend(in, 0.9), attend(in, 0));
}

// Scores of ±10⁸ overflow without the largest taken off: the nearest key must win outright.
TEST(Attention, SurvivesHugeScores) {
  constexpr std::int64_t positions = 70, width = 4;  // more than one tile of keys
  const Shape shape{1, positions, 1, width};
  std::vector<float> query(positions * width), keys(positions * width), values(positions * width);
  for (std::int64_t t = 0; t < positions; ++t) {
    const double angle = 6.28 * static_cast<double>(t) / positions;
    for (auto* array : {&query, &keys}) {
      (*array)[at(t * width)] = static_cast<float>(1e4 * std::cos(angle));
      (*array)[at(t * width + 1)] = static_cast<float>(1e4 * std::sin(angle));
    }
    for (std::int64_t d = 0; d < width; ++d) values[at(t * width + d)] = static_cast<float>(t + d);
  }
  std::vector<float> gradients[3];
  Device device = Device::cpu(DType::f32);
  Arena::Plan plan;
  Tape tape(device, Tape::Mode::training, plan);
  Tensor leaves[3];
  std::vector<float>* arrays[3] = {&query, &keys, &values};
  for (int i = 0; i < 3; ++i) {
    gradients[i].resize(query.size());
    leaves[i] = tape.leaf(Tensor::view(arrays[i]->data(), shape, DType::f32),
                          Tensor::view(gradients[i].data(), shape, DType::f32));
  }
  const Tensor y = attention(tape, leaves[0], leaves[1], leaves[2], 0);
  EXPECT_TRUE(std::equal(values.begin(), values.end(), y.data<float>()));
  tape.backward(y, tape.input(shape, std::vector<float>(query.size(), 1)));
  EXPECT_EQ(gradients[2], std::vector<float>(query.size(), 1));  // each value is taken once
  for (const auto& gradient : {gradients[0], gradients[1]}) {
    EXPECT_TRUE(std::all_of(gradient.begin(), gradient.end(),
                            [](float v) { return v == 0; }));  // saturated
  }
}

TEST(Attention, ShowsNaN) {
  Inputs in = draw({1, 3, 2, 4});
  in.key[at((1 * 2 + 1) * 4)] = std::numeric_limits<double>::quiet_NaN();  // position 1, head 1
  const std::vector<double> y = attend(in);
  for (std::int64_t i = 0; i < 24; ++i) EXPECT_EQ(std::isnan(y[at(i)]), i / 4 % 2 == 1) << i;
}

// Without positions, a sequence is a set: permuted inputs give permuted outputs.
TEST(Attention, DoesNotKnowTheOrderOfPositions) {
  const AttentionShape s{2, 37, 3, 8};
  const Inputs in = draw(s);
  Inputs permuted = in;
  const auto moved = [](std::int64_t t) { return t * 11 % 37; };
  const std::int64_t row = s.heads * s.width;
  const auto permute = [&](const std::vector<double>& from, std::vector<double>& to) {
    for (std::int64_t n = 0; n < s.sequences; ++n) {
      for (std::int64_t t = 0; t < s.positions; ++t) {
        std::copy_n(from.begin() + (n * s.positions + t) * row, row,
                    to.begin() + (n * s.positions + moved(t)) * row);
      }
    }
  };
  permute(in.query, permuted.query);
  permute(in.key, permuted.key);
  permute(in.value, permuted.value);
  std::vector<double> expected(in.query.size());
  permute(attend(in), expected);
  expect_near(attend(permuted), expected, 1e-14, "permuted");
}

// Averages over many steps of the mask tend to the output without dropout.
TEST(Attention, KeepsItsExpectationUnderDropout) {
  const Inputs in = draw({1, 6, 2, 3});
  const std::vector<double> expected = attend(in);
  constexpr int steps = 4000;
  std::vector<double> mean(expected.size()), squares(expected.size());
  Device device = Device::cpu(DType::f64);
  Arena::Plan plan;
  for (std::uint32_t step = 0; step < steps; ++step) {
    Tape tape(device, Tape::Mode::training, plan, {.seed = 9, .step = step, .op = 0});
    const Shape shape = shape_of(in.shape);
    const Tensor dropped = attention(tape, tape.input(shape, std::span(in.query)),
                                     tape.input(shape, std::span(in.key)),
                                     tape.input(shape, std::span(in.value)), 0.4);
    const std::span<const double> y = dropped.span<double>();
    for (std::size_t i = 0; i < y.size(); ++i) {
      mean[i] += y[i] / steps;
      squares[i] += y[i] * y[i] / steps;
    }
  }
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double deviation = std::sqrt((squares[i] - mean[i] * mean[i]) / steps);
    EXPECT_GT(deviation, 0) << i;
    EXPECT_NEAR(mean[i], expected[i], 4.5 * deviation) << i;
  }
}

TEST(Attention, SavesLogsumexp) {
  const Inputs in = draw({1, 3, 2, 4});
  ReservedWorkspace workspace(1 << 16);
  const Cpu cpu{workspace};
  std::vector<double> y(24), logsumexp(6, std::numeric_limits<double>::quiet_NaN());
  kernels::attention_forward(cpu, in.shape, kernels::Dropout{}, in.query.data(), in.key.data(),
                             in.value.data(), y.data(), logsumexp.data());
  for (std::int64_t h = 0; h < 2; ++h) {
    for (std::int64_t i = 0; i < 3; ++i) {
      double sum = 0;
      for (std::int64_t j = 0; j < 3; ++j) {
        double score = 0;
        for (std::int64_t d = 0; d < 4; ++d) {
          score += in.query[at((i * 2 + h) * 4 + d)] * in.key[at((j * 2 + h) * 4 + d)] / 2;
        }
        sum += std::exp(score);
      }
      EXPECT_NEAR(logsumexp[at(h * 3 + i)], std::log(sum), 1e-14);
    }
  }
}

TEST(Attention, NamesTheShapesItRefuses) {
  const auto op = [](Tape& tape, std::span<const Tensor> in) {
    return attention(tape, in[0], in[1], in[2], 0);
  };
  expect_op_error({{2, 3, 4}, {2, 3, 4}, {2, 3, 4}}, op,
                  "attention: query must be (N,T,H,D), got (2,3,4)");
  expect_op_error({{2, 3, 4, 5}, {2, 3, 5, 4}, {2, 3, 4, 5}}, op,
                  "attention: key must be (N,T,H,D)=(2,3,4,5), got (2,3,5,4)");
  expect_op_error({{2, 3, 4, 5}, {2, 3, 4, 5}, {2, 4, 4, 5}}, op,
                  "attention: value must be (N,T,H,D)=(2,3,4,5), got (2,4,4,5)");
  expect_op_error(
      {{2, 3, 4, 5}, {2, 3, 4, 5}, {2, 3, 4, 5}},
      [](Tape& tape, std::span<const Tensor> in) {
        return attention(tape, in[0], in[1], in[2], 1.5);
      },
      "attention: dropout rate must be in [0, 1), got 1.5");
}

}  // namespace
}  // namespace ekgine::testing
