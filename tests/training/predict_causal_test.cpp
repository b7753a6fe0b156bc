#include "training/predict_causal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/median.h"
#include "data/beat_unit.h"
#include "data/seen_beats.h"
#include "tests/cases/random.h"
#include "tests/support/expect_error.h"
#include "tests/support/thread_count.h"
#include "training/predict.h"

namespace ekgine {
namespace {

using testing::Random;

constexpr std::int64_t seen_at_a_time = 8;  // T

// Divides the waves of a lead by their median range, as they are where they are cut.
void measure_in_typical_beats(BeatWaves& waves, std::int64_t lead) {
  std::vector<double> ranges;
  for (std::int64_t i = 0; i < waves.size(); ++i) {
    const auto [least, most] = std::ranges::minmax_element(waves.wave(i, lead));
    ranges.push_back(double{*most} - double{*least});
  }
  const double amplitude = median_of(ranges);
  for (std::int64_t i = 0; i < waves.size(); ++i) {
    const auto wave = waves.samples.begin() + (i * wave_leads + lead) * wave_samples;
    std::for_each(wave, wave + wave_samples,
                  [&](float& x) { x = static_cast<float>(x / amplitude); });
  }
}

// Irregular beats of one shape and another, on noise.
RecordBeats record_of(std::int64_t beats, std::uint64_t seed = 1) {
  Random random(seed);
  RecordBeats record;
  record.name = "r";
  record.unit = BeatUnit::features;
  record.waves.leads = 2;
  std::int64_t at = 100;
  for (std::int64_t i = 0; i < beats; ++i) {
    record.r_samples.push_back(at);
    at += random.integer(100, 500);
    record.labels.push_back(static_cast<std::int32_t>(random.integer(0, class_count - 1)));
    const double width = random.integer(0, 3) == 0 ? 9 : 3;
    for (std::int64_t k = 0; k < wave_leads * wave_samples; ++k) {
      const double z = static_cast<double>(k % wave_samples - wave_before) / width;
      record.waves.samples.push_back(
          static_cast<float>(std::exp(-z * z / 2) + 0.05 * random.normal()));
    }
  }
  for (const std::int64_t lead : {0, 1}) measure_in_typical_beats(record.waves, lead);
  record.beats = measure_beats(beat_intervals(record.r_samples, record.frequency), record.waves);
  return record;
}

class CausalPrediction : public ::testing::Test {
 protected:
  explicit CausalPrediction(std::int64_t members = 1,
                            FeatureSet features = FeatureSet::rhythm_shape)
      : model_({.name = "Rhythm_Model",
                .sequence_length = seen_at_a_time,
                .embed_dim = 8,
                .num_heads = 2,
                .ff_dim_multiplier = 2,
                .kernel_size = 3,
                .dropout = 0,
                .features = features,
                .ensemble_size = members},
               device_, ParameterSet::Use::inference, 1),
        predictors_(model_, device_) {
    const auto width = static_cast<std::size_t>(row_width(model_.config().input()));
    model_.set_normalisation(std::vector<double>(width, 0.0), std::vector<double>(width, 1.0));
  }

  std::vector<float> predict(const RecordBeats& record, std::int64_t lookahead) {
    const auto waves_of = [](const RecordBeats& of) { return of.waves; };
    return predict_causal(predictors_, {&record, 1}, waves_of, lookahead).at(0).probabilities;
  }
  std::vector<float> whole(const std::vector<float>& features) {
    std::vector<float> said;
    predictors_.use([&](Predictor& predictor) {
      said = predictor.predict({features, model_.config().input()});
    });
    return said;
  }

  Device device_ = Device::cpu(DType::f32);
  Model model_;
  PredictorPool predictors_;
};

class CausalEnsemble : public CausalPrediction {
 protected:
  CausalEnsemble() : CausalPrediction(3) {}
};

class CausalScalograms : public CausalPrediction {
 protected:
  CausalScalograms() : CausalPrediction(1, FeatureSet::rhythm_scalogram) {}
};

std::vector<float> of_beats(const std::vector<float>& probabilities, std::int64_t first,
                            std::int64_t end) {
  return {probabilities.begin() + first * class_count, probabilities.begin() + end * class_count};
}

// From beat `first` on nothing is what it was.
RecordBeats changed_from(RecordBeats record, std::int64_t first) {
  Random random(99);
  const auto change = [&](std::vector<float>& values, std::int64_t row, double size) {
    for (auto x = values.begin() + first * row; x != values.end(); ++x) {
      *x = static_cast<float>(size * random.normal());
    }
  };
  change(record.beats, beat_features, 1);
  change(record.waves.samples, wave_leads * wave_samples, 30);
  return record;
}

// To the bit; whereas the last beat that may be seen counts.
TEST_F(CausalPrediction, DoesNotDependOnBeatsThatHaveNotBeenSeen) {
  const RecordBeats record = record_of(60);
  for (const std::int64_t lookahead : {0, 1, 5, 7}) {
    const std::vector<float> expected = predict(record, lookahead);
    for (const std::int64_t beat : {0, 3, 20, 52, 59}) {
      SCOPED_TRACE(::testing::Message() << "lookahead " << lookahead << ", beat " << beat);
      const std::int64_t seen = beat + lookahead;
      if (seen < 59) {
        const std::vector<float> found = predict(changed_from(record, seen + 1), lookahead);
        EXPECT_EQ(of_beats(found, 0, beat + 1), of_beats(expected, 0, beat + 1));
        EXPECT_NE(of_beats(found, beat + 1, 60), of_beats(expected, beat + 1, 60));
        // Neither on the interval that follows the last beat.
        RecordBeats later = record;
        later.beats[static_cast<std::size_t>(seen * beat_features + 1)] += 1;
        EXPECT_EQ(of_beats(predict(later, lookahead), 0, beat + 1),
                  of_beats(expected, 0, beat + 1));
      }
      if (seen == 0) continue;  // of one beat there is nothing to compare with
      const std::vector<float> found =
          predict(changed_from(record, std::min<std::int64_t>(seen, 59)), lookahead);
      EXPECT_NE(of_beats(found, beat, beat + 1), of_beats(expected, beat, beat + 1));
    }
  }
}

// Features are measured of intervals that floats hold, as logarithms.
TEST_F(CausalPrediction, SaysOfASeenRecordWhatIsSaidOfItAsAWhole) {
  for (const std::int64_t beats : {1, 2, 5, 8}) {
    const RecordBeats record = record_of(beats);
    const std::vector<float> expected = whole(record.beats);
    const std::vector<float> found = predict(record, seen_at_a_time - 1);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-5);
  }
}

TEST_F(CausalScalograms, SayOfASeenRecordWhatIsSaidOfItAsAWhole) {
  for (const std::int64_t beats : {1, 5, 8}) {
    RecordBeats record = record_of(beats);
    record.beats = feature_rows(record.beats, record.waves);
    record.unit = BeatUnit::waves;
    const std::vector<float> expected = whole(record.beats);
    const std::vector<float> found = predict(record, seen_at_a_time - 1);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-5);
  }
}

// The definition, beat by beat: of an ensemble, at the ends, and over more than a block.
TEST_F(CausalEnsemble, SeesTheLastBeatsOfWhatHasBeenSeen) {
  constexpr std::int64_t beats = 600;
  const RecordBeats record = record_of(beats);
  const SeenBeats seen({record.beats, record.unit}, record.waves);
  for (const std::int64_t lookahead : {0, 3}) {
    const std::vector<float> found = predict(record, lookahead);
    ASSERT_EQ(std::ssize(found), beats * class_count);
    for (const std::int64_t beat : {0, 1, 4, 5, 7, 8, 255, 256, 457, 500, 596, 598, 599}) {
      const std::int64_t end = std::min(beat + lookahead + 1, beats);
      const std::int64_t first = std::max<std::int64_t>(end - 456, 0);
      std::vector<float> features = seen.measure(first, end);
      const std::int64_t window = std::min(seen_at_a_time, end);
      features.erase(features.begin(), features.end() - window * beat_features);
      const std::vector<float> said = whole(features);
      for (std::int64_t c = 0; c < class_count; ++c) {
        EXPECT_NEAR(found[static_cast<std::size_t>(beat * class_count + c)],
                    said[static_cast<std::size_t>((beat - end + window) * class_count + c)], 2e-6)
            << "lookahead " << lookahead << ", beat " << beat;
      }
    }
  }
}

TEST_F(CausalPrediction, IsTheSameAtAnyNumberOfThreads) {
  const RecordBeats records[] = {record_of(300), record_of(1, 2), record_of(30, 3)};
  const auto waves_of = [](const RecordBeats& record) { return record.waves; };
  std::vector<std::vector<float>> found;
  for (const int threads : {1, 3}) {
    const testing::ThreadCount count(threads);
    std::vector<std::int64_t> done;
    found.emplace_back();
    for (const RecordPredictions& p : predict_causal(predictors_, records, waves_of, 2,
                                                     [&](std::int64_t n) { done.push_back(n); })) {
      found.back().insert(found.back().end(), p.probabilities.begin(), p.probabilities.end());
      EXPECT_EQ(p.record, "r");
    }
    EXPECT_TRUE(std::ranges::is_sorted(done));
    EXPECT_EQ(done.back(), 331);
  }
  EXPECT_EQ(found[0].size(), 331U * class_count);
  EXPECT_EQ(found[0], found[1]);
  EXPECT_EQ(std::vector(found[0].begin() + 300 * class_count, found[0].begin() + 301 * class_count),
            predict(records[1], 2));
  const std::vector<RecordPredictions> one = predict_causal(predictors_, records, waves_of, 2);
  EXPECT_EQ(one.at(2).labels, records[2].labels);
  EXPECT_EQ(one.at(2).r_samples, records[2].r_samples);
}

TEST_F(CausalPrediction, RefusesWhatCannotBe) {
  const RecordBeats record = record_of(10);
  for (const std::int64_t lookahead : {-1, 8}) {
    EXPECT_ERROR(predict(record, lookahead),
                 "lookahead must be 0 to 7, of a model that sees 8 beats at a time, got " +
                     std::to_string(lookahead));
  }
  RecordBeats other = record;
  other.unit = BeatUnit::deviation;
  EXPECT_ERROR(predict(other, 0),
               "record r: the beats' amplitude is deviation, the model takes features");
  EXPECT_ERROR(check_lookahead({.name = "Main_Model"}, 0),
               "lookahead: Main_Model labels the last beat of a sequence and waits for none after "
               "it; expected a model that labels every beat");
}

// As many as are wanted at once, and no more.
TEST_F(CausalEnsemble, PredictorsAreUsedByAThreadAtATime) {
  const testing::ThreadCount one(1);
  const RecordBeats record = record_of(20);
  const std::vector<float> expected = whole(record.beats);
  std::mutex mutex;
  std::condition_variable both;
  std::vector<Predictor*> used;
  const auto use = [&] {
    const testing::ThreadCount alone(1);
    predictors_.use([&](Predictor& predictor) {
      EXPECT_EQ(predictor.predict({record.beats, BeatUnit::features}), expected);
      std::unique_lock lock(mutex);
      used.push_back(&predictor);
      both.notify_all();
      both.wait(lock, [&] { return used.size() >= 2; });
    });
  };
  {
    const std::jthread other(use);
    use();
  }
  EXPECT_NE(used.at(0), used.at(1));
  use();
  EXPECT_EQ(std::ranges::count(used, used.at(2)), 2);
}

}  // namespace
}  // namespace ekgine
