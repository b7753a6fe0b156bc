// Training and prediction of a model that labels every beat.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "tests/cases/random.h"
#include "tests/support/beats.h"
#include "tests/support/expect_error.h"
#include "training/predict.h"
#include "training/step.h"

namespace ekgine {
namespace {

ModelConfig rhythm_model(std::int64_t length) {
  return {.name = "Rhythm_Model",
          .sequence_length = length,
          .embed_dim = 8,
          .num_heads = 2,
          .ff_dim_multiplier = 2,
          .kernel_size = 3,
          .dropout = 0};
}

void set_rhythm_normalisation(Model& model) {
  const auto width = static_cast<std::size_t>(row_width(model.config().input()));
  model.set_normalisation(std::vector<double>(width, 0.1), std::vector<double>(width, 1.5));
}

// Rows at random but for the first column, which tells whether a beat comes early; the beat after
// an early one is V.
struct Rhythms {
  explicit Rhythms(std::int64_t beats, std::uint64_t seed, BeatUnit in = BeatUnit::features)
      : unit(in) {
    testing::Random random(seed);
    bool early = false;
    for (std::int64_t i = 0; i < beats; ++i) {
      labels.push_back(early ? 2 : 0);
      early = random.integer(0, 3) == 0;
      for (std::int64_t c = 0; c < row_width(unit); ++c) {
        values.push_back(static_cast<float>(0.1 * random.normal()));
      }
      values[static_cast<std::size_t>(i * row_width(unit))] = early ? -2.0F : 2.0F;
      ids.push_back(static_cast<std::int32_t>(i));
    }
    index = ids;
  }
  BeatSpan span() const { return {values, unit}; }
  BeatSpan span(std::int64_t first, std::int64_t count) const { return span().part(first, count); }

  BeatUnit unit;
  std::vector<float> values;
  std::vector<std::int32_t> ids, index, labels;
};

TEST(RhythmModel, LearnsFromTheBeatsAround) {
  Device device = Device::cpu(DType::f32);
  Model model(rhythm_model(16), device, ParameterSet::Use::training, 1);
  set_rhythm_normalisation(model);
  const Rhythms data(8 * 16, 5);
  TrainingStep step(model, device,
                    {.class_weights = std::vector<float>(class_count, 1.0F),
                     .seed = 1,
                     .sequences = 8,
                     .beats = 8 * 16});
  kernels::RunningLoss totals;
  for (int i = 1; i <= 150; ++i) {
    step.set_totals({});
    step.run({data.span(), data.ids, data.index, data.labels}, i, 3e-3);
    totals = step.totals();
    EXPECT_TRUE(i > 1 || totals.loss > 128 * 0.5) << totals.loss;
  }
  EXPECT_EQ(totals.sequences, 128);  // labels
  EXPECT_GT(totals.correct, 120);
  // A smaller batch, and what it has learned holds for other beats.
  const Rhythms other(3 * 16, 6);
  step.set_totals({});
  step.run({other.span(), other.ids, other.index, other.labels}, 151, 0);
  EXPECT_EQ(step.totals().sequences, 48);
  EXPECT_GT(step.totals().correct, 42);
}

// Neither training nor prediction, whatever stands there.
TEST(RhythmModel, ReadsTheColumnsThatItTakesAlone) {
  Device device = Device::cpu(DType::f32);
  const auto answers = [&](const ModelConfig& config, const Rhythms& data) {
    Model model(config, device, ParameterSet::Use::training, 1);
    set_rhythm_normalisation(model);
    TrainingStep step(model, device,
                      {.class_weights = std::vector<float>(class_count, 1.0F),
                       .seed = 1,
                       .sequences = 4,
                       .beats = 4 * 16});
    for (int i = 1; i <= 3; ++i) {
      step.run({data.span(), data.ids, data.index, data.labels}, i, 3e-3);
    }
    return Predictor(model, device).predict(data.span());
  };
  for (const Choice<FeatureSet>& choice : choices_of(FeatureSet{})) {
    for (const std::int64_t leads : {1, 2}) {
      SCOPED_TRACE(fmt::format("{}, {} leads", choice.name, leads));
      ModelConfig config = rhythm_model(16);
      config.features = choice.value;
      config.leads = leads;
      const Rhythms whole(4 * 16, 5, config.input());
      const std::int64_t width = row_width(config.input());
      const Columns taken[] = {config.feature_columns(), config.wave_columns()};
      const std::vector<float> expected = answers(config, whole);
      EXPECT_TRUE(std::ranges::all_of(expected, [](float p) { return std::isfinite(p); }));
      Rhythms poisoned = whole;
      for (std::size_t i = 0; i < poisoned.values.size(); ++i) {
        const std::int64_t column = static_cast<std::int64_t>(i) % width;
        const bool read = std::ranges::any_of(taken, [&](const Columns& columns) {
          return column >= columns.first && column < columns.first + columns.count;
        });
        if (!read) poisoned.values[i] = NAN;
      }
      EXPECT_EQ(answers(config, poisoned), expected);
      for (const auto& [first, count] : taken) {
        if (count == 0) continue;
        for (const std::int64_t column : {first, first + count - 1}) {
          Rhythms changed = whole;
          changed.values[static_cast<std::size_t>(17 * width + column)] += 1;
          EXPECT_NE(answers(config, changed), expected) << "column " << column;
        }
      }
    }
  }
}

// The definition, window by window.
std::vector<double> expected_means(Predictor& windows, const Rhythms& data, std::int64_t count,
                                   std::int64_t length) {
  std::vector<std::int64_t> firsts;
  for (std::int64_t first = 0; first + length <= count; first += (length + 1) / 2) {
    firsts.push_back(first);
  }
  if (firsts.back() + length < count) firsts.push_back(count - length);
  std::vector<double> sums(static_cast<std::size_t>(count * class_count)), weights(sums.size());
  for (const std::int64_t first : firsts) {
    const std::vector<float> said = windows.predict(data.span(first, length));
    for (std::int64_t i = 0; i < length * class_count; ++i) {
      const double position = static_cast<double>(2 * (i / class_count) + 1);
      const double weight = 1.02 - std::abs(position / static_cast<double>(length) - 1);
      const auto at = static_cast<std::size_t>(first * class_count + i);
      sums[at] += weight * static_cast<double>(said[static_cast<std::size_t>(i)]);
      weights[at] += weight;
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] /= weights[i];
  return sums;
}

TEST(RhythmModel, PredictsEveryBeatByTheWindowsThatHoldIt) {
  Device device = Device::cpu(DType::f32);
  for (const std::int64_t length : {1, 2, 5, 16}) {
    Model model(rhythm_model(length), device, ParameterSet::Use::inference, 1);
    set_rhythm_normalisation(model);
    Predictor predictor(model, device);
    const Rhythms data(1300, 9);
    for (const std::int64_t count : {length, length + 1, 3 * length, std::int64_t{1300}}) {
      const std::vector<float> found = predictor.predict(data.span(0, count));
      const std::vector<double> expected = expected_means(predictor, data, count, length);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_NEAR(static_cast<double>(found[i]), expected[i], 2e-6)
            << "windows of " << length << ", beat " << i / class_count << " of " << count;
      }
    }
  }
}

// In chunks, and of an ensemble.
TEST(RhythmModel, LabelsSequencesByThemselves) {
  Device device = Device::cpu(DType::f32);
  for (const std::int64_t length : {1, 2, 5, 16}) {
    ModelConfig config = rhythm_model(length);
    config.ensemble_size = 2;
    Model model(config, device, ParameterSet::Use::inference, 1);
    set_rhythm_normalisation(model);
    Predictor predictor(model, device);
    const std::int64_t count = 1300 / length;
    const Rhythms data(count * length, 9);
    const std::vector<float> found = predictor.predict_sequences(data.span());
    ASSERT_EQ(std::ssize(found), count * length * class_count);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::vector<float> alone = predictor.predict(data.span(i * length, length));
      for (std::int64_t k = 0; k < length * class_count; ++k) {
        ASSERT_NEAR(found[static_cast<std::size_t>(i * length * class_count + k)],
                    alone[static_cast<std::size_t>(k)], 2e-6)
            << "sequence " << i << " of " << length;
      }
    }
    EXPECT_TRUE(predictor.predict_sequences(data.span(0, 0)).empty());
  }
}

TEST(RhythmModel, LabelsRecordsShorterThanAWindow) {
  Device device = Device::cpu(DType::f32);
  Model model(rhythm_model(16), device, ParameterSet::Use::inference, 1);
  set_rhythm_normalisation(model);
  Predictor predictor(model, device);
  const Rhythms data(20, 3);
  EXPECT_TRUE(predictor.predict(data.span(0, 0)).empty());
  for (const std::int64_t count : {1, 2, 15}) {
    const std::vector<float> found = predictor.predict(data.span(0, count));
    ASSERT_EQ(std::ssize(found), count * class_count);
    for (std::int64_t i = 0; i < count; ++i) {
      double sum = 0;
      for (std::int64_t c = 0; c < class_count; ++c) {
        sum += static_cast<double>(found[static_cast<std::size_t>(i * class_count + c)]);
      }
      EXPECT_NEAR(sum, 1, 1e-5);
    }
  }
  RecordBeats record = testing::random_beats("r", 4, 1);
  record.features.assign(data.values.begin(), data.values.begin() + 4 * beat_features);
  record.beats = record.features;
  record.unit = BeatUnit::features;
  const std::vector<RecordPredictions> records = predict_records(predictor, {&record, 1});
  EXPECT_EQ(records.at(0).labels, record.labels);
  EXPECT_EQ(records.at(0).r_samples, record.r_samples);
  EXPECT_ERROR(predictor.predict({record.beats, BeatUnit::millivolts}),
               "prediction: the beats' amplitude is mV, the model takes features");
}

}  // namespace
}  // namespace ekgine
