#include "evaluation/protocol_score.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"
#include "evaluation/intervals.h"
#include "evaluation/protocol_report.h"
#include "tests/cases/random.h"
#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int32_t n = 0, s = 1, v = 2, f = 3, q = 4;

// Counted by hand:            symbol  label  escapes as N   N  S  V  F  Q  none
std::vector<ProtocolRecord> three_records() {
  return {{"a", {{'N', n, n, {90, 1, 2, 0, 0, 7}}, {'V', v, v, {1, 0, 8, 0, 0, 1}}}},
          {"b",
           {{'j', s, n, {3, 1, 0, 0, 0, 0}},
            {'A', s, s, {4, 5, 1, 0, 0, 0}},
            {'F', f, f, {1, 2, 3, 0, 0, 0}}}},
          {"c", {{'N', n, n, {10, 0, 0, 0, 0, 0}}, {'Q', q, q, {0, 3, 2, 0, 0, 0}}}}};
}

ProtocolScore three_scored() {
  return score_protocol("made", three_records(), std::vector<ProtocolExclusion>{{"b", "why"}});
}

double percent_of(double part, double whole) {
  return 100 * part / whole;
}

TEST(ProtocolScore, CountsByHand) {
  const ProtocolScore score = three_scored();
  ASSERT_EQ(score.views.size(), 3u);
  const ProtocolFigures& all = score.views[0].figures;
  EXPECT_EQ(score.views[0].key, "all");
  EXPECT_EQ(all.beats(), 145);
  EXPECT_EQ(all.unlabelled(), 8);
  // N 100, S 1 + 5, V 8, F 0, Q 0; the eight without a label are missed.
  EXPECT_DOUBLE_EQ(*all.value("", "accuracy"), percent_of(114, 145));
  EXPECT_DOUBLE_EQ(*all.value("N", "sensitivity"), percent_of(100, 110));
  EXPECT_DOUBLE_EQ(*all.value("N", "positive_predictivity"), percent_of(100, 109));
  EXPECT_DOUBLE_EQ(*all.value("N", "f1"), percent_of(200, 110 + 109));
  EXPECT_DOUBLE_EQ(*all.value("S", "sensitivity"), percent_of(6, 14));
  EXPECT_DOUBLE_EQ(*all.value("S", "positive_predictivity"), percent_of(6, 12));
  EXPECT_DOUBLE_EQ(*all.value("V", "sensitivity"), percent_of(8, 10));
  EXPECT_DOUBLE_EQ(*all.value("V", "positive_predictivity"), percent_of(8, 16));
  EXPECT_DOUBLE_EQ(*all.value("F", "f1"), 0);
  EXPECT_FALSE(all.value("F", "positive_predictivity"));
  // Of SVEBs Qs is excused and Fs is not; of VEBs Fv and Qv are.
  EXPECT_DOUBLE_EQ(*all.value("sveb", "sensitivity"), percent_of(6, 14));
  EXPECT_DOUBLE_EQ(*all.value("sveb", "positive_predictivity"), percent_of(6, 9));
  EXPECT_DOUBLE_EQ(*all.value("sveb", "false_positive_rate"),
                   percent_of(3, 3 + 92 + 10 + 9 + 4 + 2));
  EXPECT_DOUBLE_EQ(*all.value("veb", "positive_predictivity"), percent_of(8, 11));
  EXPECT_DOUBLE_EQ(*all.value("veb", "false_positive_rate"), percent_of(3, 3 + 101 + 13 + 3 + 3));
}

TEST(ProtocolScore, LeavesRecordsOutAndTakesEscapesAsNormal) {
  const ProtocolScore score = three_scored();
  EXPECT_EQ(score.views[1].key, "without_b");
  EXPECT_EQ(score.views[1].reason, "why");
  const ProtocolFigures& without = score.views[1].figures;
  EXPECT_EQ(without.beats(), 125);
  EXPECT_DOUBLE_EQ(*without.value("", "accuracy"), percent_of(108, 125));
  EXPECT_FALSE(without.value("S", "sensitivity")) << "there is no S left";
  EXPECT_FALSE(without.value("S", "f1"));
  EXPECT_DOUBLE_EQ(*without.value("S", "positive_predictivity"), 0);
  EXPECT_EQ(score.views[2].key, "escapes_as_n");
  const ProtocolFigures& normal = score.views[2].figures;
  EXPECT_EQ(normal.beats(), 145);
  EXPECT_DOUBLE_EQ(*normal.value("", "accuracy"), percent_of(114 + 3 - 1, 145));
  EXPECT_DOUBLE_EQ(*normal.value("S", "sensitivity"), percent_of(5, 10));
  EXPECT_DOUBLE_EQ(*normal.value("sveb", "positive_predictivity"), percent_of(5, 9));
}

TEST(ProtocolScore, HasARowOfEachRecordAndSymbol) {
  const ProtocolScore score = three_scored();
  EXPECT_THAT(score.records, ElementsAre("a", "b", "c"));
  EXPECT_DOUBLE_EQ(*score.of_records[0].value("", "accuracy"), percent_of(98, 110));
  EXPECT_DOUBLE_EQ(*score.of_records[1].value("", "accuracy"), percent_of(6, 20));
  EXPECT_FALSE(score.of_records[0].value("S", "sensitivity"));
  std::string symbols;
  for (const ProtocolCause& cause : score.causes) symbols += cause.symbol;
  EXPECT_EQ(symbols, "NAjVFQ");
  EXPECT_THAT(score.causes[0].predicted, ElementsAre(100, 1, 2, 0, 0, 7));
  EXPECT_EQ(score.causes[0].beats(), 110);
}

// A record alone, and a class that one record has, say nothing of other records.
TEST(ProtocolScore, IntervalsWantTwoRecords) {
  const ProtocolScore score = three_scored();
  const auto interval = [&](std::size_t view, std::string_view group, std::string_view key) {
    for (std::size_t i = 0; i < protocol_figure_count; ++i) {
      const ProtocolFigure& figure = protocol_figures()[i];
      if (figure.group == group && figure.key == key) return score.views[view].figures.intervals[i];
    }
    throw std::invalid_argument("no such figure");
  };
  EXPECT_TRUE(interval(0, "", "accuracy"));
  EXPECT_TRUE(interval(0, "N", "sensitivity"));
  EXPECT_FALSE(interval(0, "V", "sensitivity")) << "V is in one record";
  EXPECT_TRUE(interval(0, "V", "positive_predictivity")) << "but predicted in all";
  const std::vector<ProtocolRecord> one = {three_records()[0]};
  for (const auto& found : score_protocol("made", one, {}).views[0].figures.intervals) {
    EXPECT_FALSE(found);
  }
}

// Where every beat has a label, figures and intervals are those of compute_metrics().
TEST(ProtocolScore, AgreesWithTheMetricsWhereAllAreLabelled) {
  testing::Random random(3);
  const std::vector<std::string> names = {"N", "S", "V", "F", "Q"};
  const char symbols[] = {'N', 'A', 'V', 'F', 'Q'};
  std::vector<RecordPredictions> predictions;
  std::vector<ProtocolRecord> counted;
  for (int r = 0; r < 6; ++r) {
    RecordPredictions& record = predictions.emplace_back();
    record.record = "r" + std::to_string(r);
    std::vector<ProtocolCause> causes;
    causes.reserve(class_count);
    for (std::int32_t c = 0; c < class_count; ++c) causes.push_back({symbols[c], c, c, {}});
    for (int i = 0; i < 80; ++i) {
      const auto truth = static_cast<std::int32_t>(random.integer(0, 4));
      const auto taken =
          random.uniform(0, 1) < 0.6 ? truth : static_cast<std::int32_t>(random.integer(0, 4));
      record.labels.push_back(truth);
      for (std::int32_t c = 0; c < class_count; ++c) {
        record.probabilities.push_back(c == taken ? 1.0F : 0.0F);
      }
      ++causes[static_cast<std::size_t>(truth)].predicted[static_cast<std::size_t>(taken)];
    }
    counted.push_back({record.record, causes});
  }
  std::vector<float> probabilities;
  std::vector<std::int32_t> labels;
  for (const RecordPredictions& record : predictions) {
    probabilities.insert(probabilities.end(), record.probabilities.begin(),
                         record.probabilities.end());
    labels.insert(labels.end(), record.labels.begin(), record.labels.end());
  }
  const Metrics metrics = compute_metrics(probabilities, labels, names);
  const MetricIntervals intervals = *metric_intervals(predictions, names.size());
  const ProtocolFigures all = score_protocol("made", counted, {}).views[0].figures;
  const auto expect_same = [&](std::size_t at, double value,
                               const std::optional<Interval>& interval) {
    SCOPED_TRACE(protocol_figures()[at].group + std::string(" ") + protocol_figures()[at].key);
    EXPECT_NEAR(*all.values[at], 100 * value, 1e-12);
    ASSERT_EQ(all.intervals[at].has_value(), interval.has_value());
    EXPECT_NEAR(all.intervals[at]->low, 100 * interval->low, 1e-12);
    EXPECT_NEAR(all.intervals[at]->high, 100 * interval->high, 1e-12);
  };
  expect_same(0, metrics.accuracy, intervals.accuracy);
  for (std::size_t c = 0; c < names.size(); ++c) {
    const ClassIntervals& of = intervals.classes[c];
    expect_same(1 + 3 * c, metrics.classes[c].recall, of.recall);
    expect_same(2 + 3 * c, metrics.classes[c].precision, of.precision);
    expect_same(3 + 3 * c, metrics.classes[c].f1, of.f1);
  }
}

TEST(ProtocolScore, RefusesWhatIsNotOfRecords) {
  const auto score = [](const std::vector<ProtocolRecord>& records,
                        const std::vector<ProtocolExclusion>& without = {}) {
    score_protocol("made", records, without);
  };
  EXPECT_ERROR(score({}), "protocol made: no records");
  EXPECT_ERROR(score({{"a", {}}, {"a", {}}}), "record a: given twice");
  EXPECT_ERROR(score({{"a", {{'+', n, n, {}}}}}), "record a: '+' is no symbol of a beat");
  EXPECT_ERROR(score({{"a", {{'N', 5, n, {}}}}}),
               "beats 'N' are of classes 5 and 0, expected 0 to 4");
  EXPECT_ERROR(score({{"a", {{'N', n, -1, {}}}}}), "beats 'N' are of classes 0 and -1");
  EXPECT_ERROR(score({{"a", {{'N', n, n, {}}, {'N', n, n, {}}}}}), "beats 'N' are given twice");
  EXPECT_ERROR(score({{"a", {{'e', n, n, {}}}}, {"b", {{'e', s, n, {}}}}}),
               "record b: beats 'e' are of another class than in records before");
  EXPECT_ERROR(score({{"a", {}}}, {{"b", ""}}),
               "protocol made: record b is to be left out and is not there");
}

TEST(ProtocolReport, JsonHasEveryFigure) {
  const ProtocolScore score = three_scored();
  const auto json = protocol_json(score);
  EXPECT_EQ(json.at("name"), "made");
  for (const ProtocolView& view : score.views) {
    const auto& found = json.at(view.key);
    for (std::size_t i = 0; i < protocol_figure_count; ++i) {
      const auto& [group, key] = protocol_figures()[i];
      const std::string name = group;
      SCOPED_TRACE(view.key + " " + name + " " + key);
      const auto& place = name.empty()       ? found
                          : name.size() == 1 ? found.at("classes").at(name)
                                             : found.at(name);
      const std::optional<double>& value = view.figures.values[i];
      EXPECT_EQ(place.at(key), value ? Json(*value) : Json());
      const auto& interval = place.at(std::string(key) + "_interval");
      EXPECT_EQ(interval.is_null(), !view.figures.intervals[i]);
      if (interval.is_null()) continue;
      EXPECT_EQ(interval.at(1), view.figures.intervals[i]->high);
    }
  }
  EXPECT_EQ(json.at("all").at("matrix").at(0), (std::vector<int>{100, 1, 2, 0, 0, 7, 0}));
  EXPECT_EQ(json.at("records").at(1).at("record"), "b");
  EXPECT_EQ(json.at("records").at(1).at("beats"), 20);
  EXPECT_EQ(json.at("records").at(0).at("unlabelled"), 8);
  EXPECT_FALSE(json.at("records").at(0).contains("accuracy_interval"));
  EXPECT_EQ(json.at("causes").at("j").at("class"), "S");
  EXPECT_EQ(json.at("causes").at("N").at("predicted").at("none"), 7);
  EXPECT_EQ(json.at("causes").at("A").at("predicted").at("V"), 1);
}

TEST(ProtocolReport, TextTellsRecordsAndCauses) {
  const std::string text = protocol_text(three_scored());
  EXPECT_THAT(text, HasSubstr("Protocol made (in %, over all beats of all records)"));
  EXPECT_THAT(text, HasSubstr("without b: why"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "  a         110         8      89.1   0     -   0.0     -  10  80.0  80.0  80.0\n"));
  EXPECT_THAT(text, HasSubstr("  j           S      4    3  1  0  0  0     0  25.0 %\n"));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
  std::size_t widest = 0, start = 0;
  for (std::size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
    widest = std::max(widest, end - start);
  }
  EXPECT_LE(widest, 96u);
}

}  // namespace
}  // namespace ekgine
