#include "training/protocol.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;

RecordBeats beats_of(const std::string& name, const std::string& symbols) {
  RecordBeats beats;
  beats.name = name;
  for (const char symbol : symbols) {
    beats.symbols.push_back(symbol);
    beats.labels.push_back(label_map("reference").label(symbol));
    beats.r_samples.push_back(100 + 300 * std::ssize(beats.r_samples));
  }
  return beats;
}

// What a model says of the beats from `first` on: "NSV" in turn.
RecordPredictions predictions_of(const RecordBeats& beats, std::size_t first,
                                 const std::string& classes) {
  RecordPredictions p{beats.name, {}, {}, {}};
  for (std::size_t i = 0; i < classes.size(); ++i) {
    p.labels.push_back(0);  // must not matter
    p.r_samples.push_back(beats.r_samples[first + i]);
    for (const char name : {'N', 'S', 'V', 'F', 'Q'}) {
      p.probabilities.push_back(name == classes[i] ? 0.6F : 0.1F);
    }
  }
  return p;
}

std::int64_t unlabelled(const ProtocolScore& score) {
  return score.views[0].figures.unlabelled();
}

TEST(JudgeBy, CountsBeatsWithoutALabelWhereverTheyAre) {
  const std::vector<RecordBeats> beats = {beats_of("100", "NAjVFQ"), beats_of("202", "NNN")};
  const auto judged = [&](const RecordPredictions& p) {
    return judge_by(Protocol::ds1ds2, beats,
                    std::vector<RecordPredictions>{p, predictions_of(beats[1], 0, "NNN")});
  };
  // All beats, the first two not, the last one not, one in the middle not.
  const ProtocolScore all = judged(predictions_of(beats[0], 0, "NSSVFQ"));
  EXPECT_EQ(unlabelled(all), 0);
  EXPECT_DOUBLE_EQ(*all.views[0].figures.value("", "accuracy"), 100);
  const ProtocolScore late = judged(predictions_of(beats[0], 2, "SVFQ"));
  EXPECT_EQ(unlabelled(late), 2);
  EXPECT_DOUBLE_EQ(*late.views[0].figures.value("", "accuracy"), 700.0 / 9);
  EXPECT_DOUBLE_EQ(*late.views[0].figures.value("sveb", "sensitivity"), 50);
  EXPECT_DOUBLE_EQ(*late.views[0].figures.value("sveb", "positive_predictivity"), 100);
  const ProtocolScore early = judged(predictions_of(beats[0], 0, "NSSVF"));
  EXPECT_EQ(unlabelled(early), 1);
  EXPECT_THAT(early.causes.back().predicted, ElementsAre(0, 0, 0, 0, 0, 1));
  RecordPredictions hole = predictions_of(beats[0], 0, "NSSVFQ");
  hole.labels.erase(hole.labels.begin() + 3);
  hole.r_samples.erase(hole.r_samples.begin() + 3);
  hole.probabilities.erase(hole.probabilities.begin() + 15, hole.probabilities.begin() + 20);
  const ProtocolScore middle = judged(hole);
  EXPECT_EQ(unlabelled(middle), 1);
  EXPECT_DOUBLE_EQ(*middle.views[0].figures.value("veb", "sensitivity"), 0);
  EXPECT_DOUBLE_EQ(*middle.views[0].figures.value("Q", "sensitivity"), 100);
}

TEST(JudgeBy, ClassesAreThoseOfEc57) {
  const std::vector<RecordBeats> beats = {beats_of("100", "NjeLVnr")};
  const ProtocolScore score =
      judge_by(Protocol::ds1ds2, beats,
               std::vector<RecordPredictions>{predictions_of(beats[0], 0, "NNSNVNV")});
  EXPECT_DOUBLE_EQ(*score.views[0].figures.value("S", "sensitivity"), 100.0 / 3);
  EXPECT_DOUBLE_EQ(*score.views[0].figures.value("V", "sensitivity"), 100);
  ASSERT_EQ(score.views.back().key, "escapes_as_n");
  EXPECT_FALSE(score.views.back().figures.value("S", "sensitivity"));
  EXPECT_DOUBLE_EQ(*score.views.back().figures.value("N", "sensitivity"), 80);
  EXPECT_DOUBLE_EQ(*score.views.back().figures.value("V", "sensitivity"), 100);
}

TEST(JudgeBy, LeavesOutOnlyWhatIsThere) {
  const std::vector<RecordBeats> beats = {beats_of("232", "NAA"), beats_of("233", "NNV")};
  const ProtocolScore score =
      judge_by(Protocol::ds1ds2, beats,
               std::vector<RecordPredictions>{predictions_of(beats[0], 0, "NNN"),
                                              predictions_of(beats[1], 0, "NNV")});
  ASSERT_EQ(score.views.size(), 3u);
  EXPECT_EQ(score.views[1].key, "without_232");
  EXPECT_DOUBLE_EQ(*score.views[1].figures.value("", "accuracy"), 100);
}

TEST(JudgeBy, RefusesPredictionsOfOtherBeats) {
  const std::vector<RecordBeats> beats = {beats_of("100", "NNN")};
  const auto judged = [&](std::vector<RecordPredictions> p) {
    judge_by(Protocol::ds1ds2, beats, p);
  };
  const RecordPredictions right = predictions_of(beats[0], 0, "NNN");
  RecordPredictions p = right;
  p.record = "101";
  EXPECT_ERROR(judged({p}), "predictions of record 101, expected those of 100");
  EXPECT_ERROR(judged({right, p}), "predictions of 2 records, expected 1");
  p = right;
  p.r_samples.clear();
  EXPECT_ERROR(judged({p}), "record 100: the predictions do not say of which beats they are");
  for (const std::int64_t other : {699, 701}) {  // between beats, after the last
    p = right;
    p.r_samples.back() = other;
    EXPECT_ERROR(judged({p}), fmt::format("record 100: a prediction is of sample {}", other));
  }
  p = right;
  p.r_samples[1] = p.r_samples[0];  // two of one beat
  EXPECT_ERROR(judged({p}), "record 100: a prediction is of sample 100, where no beat is");
}

TEST(Relabel, GivesTheOtherMapsClasses) {
  RecordBeats beats = beats_of("100", "NejV");
  relabel(beats, label_map("ec57"));
  EXPECT_THAT(beats.labels, ElementsAre(0, 1, 1, 2));
  relabel(beats, label_map("reference"));
  EXPECT_THAT(beats.labels, ElementsAre(0, 0, 0, 2));
  beats.symbols[1] = 'B';
  EXPECT_ERROR(relabel(beats, label_map("dechazal")),
               "record 100: label map dechazal has no class for the beat 'B' at sample 400");
}

}  // namespace
}  // namespace ekgine
