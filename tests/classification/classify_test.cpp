#include "classification/classify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "data/beat_features.h"
#include "data/beat_unit.h"
#include "model/model.h"
#include "tests/support/expect_error.h"
#include "tests/support/thread_count.h"
#include "training/predict.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ThreadCount;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// Bumps of 15 ms, `period` apart from `first` on, in seconds; every third is upside down and wider.
LeadSignal lead_of(double frequency, double seconds, double first = 0.5, double period = 0.8) {
  LeadSignal lead{
      .recording = "r", .lead = "II", .frequency = frequency, .signal = {}, .second = {}};
  for (double i = 0; i < seconds * frequency; ++i) {
    const double time = i / frequency, beat = std::round((time - first) / period);
    const bool odd = std::fmod(beat, 3) == 2;
    const double z = (time - first - beat * period) / (odd ? 0.03 : 0.015);
    lead.signal.push_back(static_cast<float>((odd ? -0.8 : 1) * std::exp(-z * z)));
  }
  return lead;
}

std::int64_t sample_of(const LeadSignal& lead, double seconds) {
  return std::lround(seconds * lead.frequency);
}

std::vector<std::int64_t> samples_of(const LabelledRecording& recording) {
  std::vector<std::int64_t> samples;
  samples.reserve(recording.beats.size());
  for (const LabelledBeat& beat : recording.beats) samples.push_back(beat.sample);
  return samples;
}

template <class Label>
void expect_same_at_any_number_of_threads(const Label& label) {
  std::vector<LabelledRecording> found;
  for (const int threads : {1, 2, 5}) {
    const ThreadCount several(threads);
    found.push_back(label());
  }
  for (const LabelledRecording& other : found) {
    ASSERT_EQ(other.beats.size(), found[0].beats.size());
    for (std::size_t i = 0; i < other.beats.size(); ++i) {
      ASSERT_EQ(other.beats[i].sample, found[0].beats[i].sample);
      ASSERT_EQ(other.beats[i].probabilities, found[0].beats[i].probabilities) << i;
    }
  }
}

// A small model with weights of a seed: what it says means nothing, but depends on all it reads.
class LabelBeats : public ::testing::Test {
 protected:
  Model& model_with_statistics() {
    model_.set_normalisation(zeros_, ones_);
    return model_;
  }

  LabelledRecording label(const LeadSignal& lead) { return label_beats(lead, classifier_); }
  // The probabilities of sequences of beats of the lead at 360 Hz, by hand.
  std::vector<float> predict(const LeadSignal& lead, const std::vector<std::int64_t>& samples) {
    RecordBeats record;
    record.name = "r";
    for (const std::int64_t at : samples) {
      for (std::int64_t i = at - 93; i <= at + 93; ++i) {
        const auto held = std::clamp<std::int64_t>(i, 0, std::ssize(lead.signal) - 1);
        record.beats.push_back(lead.signal[static_cast<std::size_t>(held)]);
      }
      record.labels.push_back(0);
    }
    measure_in(config_.beat_unit, record);
    const std::vector<float> first(record.beats.begin(), record.beats.begin() + beat_samples);
    for (int copy = 0; copy < 2; ++copy) {
      record.beats.insert(record.beats.begin(), first.begin(), first.end());
    }
    const ThreadCount one(1);
    return predictor_.predict({record.beats, record.unit});
  }

  const std::vector<double> zeros_ = std::vector<double>(beat_samples, 0.0),
                            ones_ = std::vector<double>(beat_samples, 0.1);
  ModelConfig config_{
      .embed_dim = 8, .num_heads = 2, .kernel_size = 3, .beat_unit = BeatUnit::deviation};
  Device device_ = Device::open(DeviceChoice::cpu, PrecisionChoice::f32, {});
  Model model_{config_, device_, ParameterSet::Use::inference, 5};
  Predictor predictor_{model_, device_};
  BeatClassifier classifier_{{config_, model_with_statistics().state(), "ec57"},
                             "seeded",
                             DeviceChoice::cpu,
                             PrecisionChoice::f32,
                             {}};
};

TEST_F(LabelBeats, LabelsEveryBeatByTheTwoBeforeIt) {
  const LeadSignal lead = lead_of(360, 20);
  const LabelledRecording found = label(lead);
  ASSERT_EQ(found.beats.size(), 25u);
  EXPECT_EQ(found.name, "r");
  EXPECT_EQ(found.lead, "II");
  EXPECT_EQ(found.samples, 7200);
  EXPECT_THAT(found.unreadable, IsEmpty());
  const std::vector<float> expected = predict(lead, samples_of(found));
  ASSERT_EQ(expected.size(), 125u);
  bool differ = false;
  for (std::size_t i = 0; i < 25; ++i) {
    const LabelledBeat& beat = found.beats[i];
    EXPECT_EQ(beat.sample, sample_of(lead, 0.5 + 0.8 * static_cast<double>(i)));
    std::size_t best = 0;
    for (std::size_t c = 0; c < 5; ++c) {
      EXPECT_EQ(beat.probabilities[c], expected[5 * i + c]) << i;
      if (beat.probabilities[c] > beat.probabilities[best]) best = c;
      differ |= expected[5 * i + c] != expected[c];
    }
    EXPECT_EQ(beat.label, static_cast<std::int32_t>(best));
  }
  EXPECT_TRUE(differ) << "the model looks at nothing";
}

TEST_F(LabelBeats, GivesPositionsAtTheRateOfTheLead) {
  const std::vector<std::int64_t> expected = samples_of(label(lead_of(360, 20)));
  for (const double frequency : {128.0, 200.0, 250.0, 257.0, 500.0, 1000.0}) {
    const LeadSignal lead = lead_of(frequency, 20);
    const LabelledRecording found = label(lead);
    EXPECT_EQ(found.frequency, frequency);
    ASSERT_EQ(found.beats.size(), expected.size()) << frequency;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      // A sample of either rate, as a tie may fall.
      EXPECT_NEAR(static_cast<double>(found.beats[i].sample) / frequency,
                  static_cast<double>(expected[i]) / 360, 0.5 / frequency + 1 / 360.0)
          << frequency;
    }
  }
}

TEST_F(LabelBeats, LabelsBeatsAtTheEnds) {
  // Windows are 93 samples to either side: these stick out by 57 and by more than that.
  LeadSignal lead = lead_of(360, 8.2, 0.1);
  const LabelledRecording found = label(lead);
  ASSERT_EQ(found.beats.size(), 11u);
  EXPECT_EQ(found.beats.front().sample, 36);
  EXPECT_EQ(found.beats.back().sample, 36 + 10 * 288);
  EXPECT_EQ(found.left_out, 0);
  const std::vector<float> expected = predict(lead, samples_of(found));
  for (std::size_t c = 0; c < 5; ++c) {
    EXPECT_EQ(found.beats.front().probabilities[c], expected[c]);
    EXPECT_EQ(found.beats.back().probabilities[c], expected[50 + c]);
  }
}

TEST_F(LabelBeats, LeavesOutBeatsBesideWhatCannotBeRead) {
  for (const double frequency : {360.0, 250.0}) {
    LeadSignal lead = lead_of(frequency, 40);
    // From right after the beat at 8.5 s to right before that at 15.7 s.
    const std::int64_t begin = sample_of(lead, 8.6), end = sample_of(lead, 15.6);
    std::fill(lead.signal.begin() + begin, lead.signal.begin() + end, nan);
    const LabelledRecording found = label(lead);
    EXPECT_THAT(found.unreadable, ElementsAre(Stretch{begin, end})) << frequency;
    EXPECT_EQ(found.left_out, 2) << frequency;
    EXPECT_EQ(found.beats.size(), 50u - 8 - 2) << frequency;
    for (const LabelledBeat& beat : found.beats) {
      EXPECT_TRUE(beat.sample < sample_of(lead, 8) || beat.sample > sample_of(lead, 16));
    }
  }
}

// Pieces are labelled as if each had begun a recording, but for what is typical of all of it.
TEST_F(LabelBeats, BeginsAnewAfterWhatCannotBeRead) {
  LeadSignal lead = lead_of(360, 40);
  LabelledRecording whole = label(lead);
  std::fill(lead.signal.begin() + 7000, lead.signal.begin() + 7300, nan);
  const LabelledRecording parted = label(lead);
  ASSERT_LT(parted.beats.size(), whole.beats.size());
  std::size_t first = 0;
  while (parted.beats[first].sample < 7300) ++first;
  const std::size_t lost = whole.beats.size() - parted.beats.size();
  std::size_t same = 0;
  for (std::size_t i = 0; i < parted.beats.size(); ++i) {
    const LabelledBeat& other = whole.beats[i < first ? i : i + lost];
    ASSERT_EQ(parted.beats[i].sample, other.sample);
    same += static_cast<std::size_t>(parted.beats[i].probabilities == other.probabilities);
  }
  // All but the two that follow the gap, where beats repeat exactly.
  EXPECT_GE(same, parted.beats.size() - 2);
  EXPECT_NE(parted.beats[first].probabilities, whole.beats[first + lost].probabilities);
}

TEST_F(LabelBeats, BridgesShortGaps) {
  LeadSignal lead = lead_of(250, 20);
  const std::vector<std::int64_t> expected = samples_of(label(lead));
  std::fill_n(lead.signal.begin() + sample_of(lead, 8.8), 50, nan);  // 0.2 s, from a beat's window
  std::fill_n(lead.signal.begin(), 20, nan);                         // at an end
  const LabelledRecording found = label(lead);
  EXPECT_EQ(samples_of(found), expected);
  EXPECT_THAT(found.unreadable, IsEmpty());
  EXPECT_EQ(found.left_out, 0);
}

TEST_F(LabelBeats, MarksTheEndsThatCannotBeRead) {
  LeadSignal lead = lead_of(250, 20);
  std::fill_n(lead.signal.begin(), 400, nan);
  std::fill(lead.signal.end() - 100, lead.signal.end(), nan);
  const LabelledRecording found = label(lead);
  EXPECT_THAT(found.unreadable, ElementsAre(Stretch{0, 400}, Stretch{4900, 5000}));
  // Less than a second between two gaps is not searched, either.
  std::fill_n(lead.signal.begin() + 600, 100, nan);
  EXPECT_THAT(label(lead).unreadable, ElementsAre(Stretch{0, 700}, Stretch{4900, 5000}));
}

TEST_F(LabelBeats, SaysWhereThereAreNoBeats) {
  const char* expected = "r: no beats were found in lead II (4.0 s)";
  LeadSignal lead{.recording = "r", .lead = "II", .frequency = 250, .signal = {}, .second = {}};
  EXPECT_ERROR(label(lead), "r: no beats were found in lead II (0.0 s)");
  lead.signal.assign(1000, 0.3F);
  EXPECT_ERROR(label(lead), expected);
  lead.signal.assign(1000, nan);
  EXPECT_ERROR(label(lead), expected);
  lead.signal.resize(100, 0);
  EXPECT_ERROR(label(lead), "(0.4 s)");
  // One beat is enough.
  lead = lead_of(250, 1.2);
  EXPECT_EQ(label(lead).beats.size(), 1u);
}

TEST_F(LabelBeats, IsTheSameAtAnyNumberOfThreads) {
  const LeadSignal lead = lead_of(257, 2000);  // more than a block
  expect_same_at_any_number_of_threads([&] { return label(lead); });
}

// A model that labels every beat, of features of both leads, or of their waves as well.
class LabelByFeatures : public ::testing::TestWithParam<FeatureSet> {
 protected:
  LabelByFeatures() {
    const auto width = static_cast<std::size_t>(row_width(config_.input()));
    model_.set_normalisation(std::vector<double>(width, 0.0), std::vector<double>(width, 1.0));
  }

  LabelledRecording label(const LeadSignal& lead) {
    BeatClassifier classifier({config_, model_.state(), "ec57"}, "seeded", DeviceChoice::cpu,
                              PrecisionChoice::f32, {});
    return label_beats(lead, classifier);
  }
  // The probabilities of the recording as a whole, by hand.
  std::vector<float> predict(const LeadSignal& lead, const std::vector<std::int64_t>& marks) {
    std::vector<std::vector<float>> leads = {lead.signal};
    if (lead.second) leads.push_back(lead.second());
    std::vector<std::int64_t> kept(marks.size());
    std::iota(kept.begin(), kept.end(), 0);
    const MeasuredBeats measured = measure_marked_beats(std::move(leads), marks, kept);
    const bool waves = config_.input() == BeatUnit::waves;
    const std::vector<float> rows =
        waves ? feature_rows(measured.features, measured.waves) : measured.features;
    Predictor predictor(model_, device_);
    const ThreadCount one(1);
    return predictor.predict({rows, config_.input()});
  }

  ModelConfig config_{.name = "Rhythm_Model",
                      .sequence_length = 9,
                      .embed_dim = 8,
                      .num_heads = 2,
                      .kernel_size = 3,
                      .features = GetParam()};
  Device device_ = Device::open(DeviceChoice::cpu, PrecisionChoice::f32, {});
  Model model_{config_, device_, ParameterSet::Use::inference, 5};
};

LeadSignal two_leads(double seconds) {
  LeadSignal lead = lead_of(360, seconds);
  lead.second = [seconds] { return lead_of(360, seconds, 0.52).signal; };
  lead.second_frequency = 360;
  return lead;
}

// Blocks see the windows of the whole; products of other numbers of rows may round otherwise.
TEST_P(LabelByFeatures, GivesEveryBeatWhatTheWholeRecordingSays) {
  for (const double seconds : {1.2, 20.0, 2500.0}) {  // one beat; some; blocks
    const LeadSignal lead = two_leads(seconds);
    const LabelledRecording found = label(lead);
    ASSERT_EQ(std::ssize(found.beats), 1 + static_cast<std::int64_t>((seconds - 0.5) / 0.8));
    const std::vector<float> expected = predict(lead, samples_of(found));
    ASSERT_EQ(expected.size(), found.beats.size() * class_count);
    for (std::size_t i = 0; i < found.beats.size(); ++i) {
      for (std::size_t c = 0; c < class_count; ++c) {
        ASSERT_NEAR(found.beats[i].probabilities[c], expected[class_count * i + c], 2e-6)
            << "beat " << i << " of " << seconds << " s";
      }
    }
  }
}

TEST_P(LabelByFeatures, ReadsTheSecondLeadWhereThereIsOne) {
  const LeadSignal both = two_leads(20);
  LeadSignal one = both, slow = both;
  one.second = nullptr;
  slow.second = [] { return lead_of(250, 20, 0.52).signal; };
  slow.second_frequency = 250;
  const auto answers = [this](const LeadSignal& lead) {
    return label(lead).beats[5].probabilities;
  };
  EXPECT_NE(answers(one), answers(both));
  // The same lead, sampled otherwise.
  for (std::size_t c = 0; c < class_count; ++c) {
    EXPECT_NEAR(answers(slow)[c], answers(both)[c], 0.02);
  }
}

TEST_P(LabelByFeatures, IsTheSameAtAnyNumberOfThreads) {
  const LeadSignal lead = two_leads(2000);
  expect_same_at_any_number_of_threads([&] { return label(lead); });
}

INSTANTIATE_TEST_SUITE_P(Inputs, LabelByFeatures,
                         ::testing::Values(FeatureSet::rhythm_shape,
                                           FeatureSet::rhythm_shape_scalogram),
                         [](const auto& tested) {
                           return tested.param == FeatureSet::rhythm_shape ? "features" : "waves";
                         });

}  // namespace
}  // namespace ekgine
