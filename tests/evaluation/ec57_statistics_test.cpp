#include "evaluation/ec57_statistics.h"

#include <gtest/gtest.h>

namespace ekgine {
namespace {

using enum Ec57Figure;

// Every count another power of two, so that a sum tells which counts are in it: bit 7 r + c.
BeatMatrix bits() {
  BeatMatrix m;
  for (std::size_t r = 0; r < 7; ++r) {
    for (std::size_t c = 0; c < 7; ++c) {
      if (r < 5 || c < 5) m.counts[r][c] = std::int64_t{1} << (7 * r + c);
    }
  }
  return m;
}

// The sum of the counts that are named "Nn Nv Ox".
std::int64_t counts(std::string_view names) {
  constexpr std::string_view small = "nsvfqox";
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < names.size(); i += 3) {
    sum += bits().counts[beat_labels.find(names[i])][small.find(names[i + 1])];
  }
  return sum;
}

TEST(Ec57Statistics, CountWhatTheRulesSay) {
  const BeatMatrix m = bits();
  std::int64_t both = 0, reference = 0, test = 0;
  for (std::size_t r = 0; r < 7; ++r) {
    for (std::size_t c = 0; c < 7; ++c) {
      if (r < 5 && c < 5) both += m.counts[r][c];
      if (r < 5) reference += m.counts[r][c];
      if (c < 5) test += m.counts[r][c];
    }
  }
  EXPECT_EQ(record_ratio(qrs_sensitivity, m), (Ratio{both, reference}));
  EXPECT_EQ(record_ratio(qrs_predictivity, m), (Ratio{both, test}));
  const std::int64_t vv = counts("Vv"), ss = counts("Ss");
  EXPECT_EQ(record_ratio(veb_sensitivity, m), (Ratio{vv, counts("Vn Vs Vv Vf Vq Vo Vx")}));
  EXPECT_EQ(record_ratio(veb_predictivity, m), (Ratio{vv, counts("Nv Sv Vv Ov Xv")}))
      << "Fv and Qv are excused";
  EXPECT_EQ(record_ratio(sveb_sensitivity, m), (Ratio{ss, counts("Sn Ss Sv Sf Sq So Sx")}));
  EXPECT_EQ(record_ratio(sveb_predictivity, m), (Ratio{ss, counts("Ns Ss Vs Fs Os Xs")}))
      << "Qs is excused";
  EXPECT_EQ(line_ratio(sveb_predictivity, m), (Ratio{ss, counts("Ns Ss Vs Os Xs")}))
      << "and Fs, in what is taken from lines";
  const std::int64_t taken = counts("Ns Vs Os Xs"), fusion = counts("Fs");
  const std::int64_t left = counts(
      "Nn Nv Nf Nq Vn Vv Vf Vq Fn Fv Ff Fq Qn Qv Qf Qq On Ov Of Oq "
      "Xn Xv Xf Xq");
  EXPECT_EQ(record_ratio(sveb_false_positives, m), (Ratio{taken + fusion, taken + fusion + left}));
  EXPECT_EQ(line_ratio(sveb_false_positives, m), (Ratio{taken, taken + left}));
  const std::int64_t wrong = counts("Nv Sv Ov Xv");
  EXPECT_EQ(
      record_ratio(veb_false_positives, m),
      (Ratio{wrong, wrong + counts("Nn Ns Nf Nq Sn Ss Sf Sq Fn Fs Ff Fq Qn Qs Qf Qq On Os Of Oq "
                                   "Xn Xs Xf Xq")}));
  for (const Ec57Figure figure : {qrs_sensitivity, qrs_predictivity, veb_sensitivity,
                                  veb_predictivity, veb_false_positives, sveb_sensitivity}) {
    EXPECT_EQ(line_ratio(figure, m), record_ratio(figure, m));
  }
  EXPECT_EQ(missed_in_shutdown("S", m), (Ratio{counts("Sx"), counts("Sn Ss Sv Sf Sq So Sx")}));
  EXPECT_EQ(missed_in_shutdown(beat_classes, m), (Ratio{counts("Nx Sx Vx Fx Qx"), reference}));
}

TEST(Ec57Statistics, WithoutSvebTheyAreNormal) {
  const BeatMatrix m = bits(), folded = without_sveb(m);
  EXPECT_EQ(folded.sum("N", "N"), counts("Nn Ns Sn Ss"));
  EXPECT_EQ(folded.sum("V", "N"), counts("Vn Vs"));
  EXPECT_EQ(folded.sum("N", "O"), counts("No So"));
  EXPECT_EQ(folded.sum("X", "N"), counts("Xn Xs"));
  EXPECT_EQ(folded.sum("S", beat_labels) + folded.sum(beat_labels, "S"), 0);
  EXPECT_EQ(folded.sum(beat_labels, beat_labels), m.sum(beat_labels, beat_labels));
  for (const Ec57Figure figure : {qrs_sensitivity, qrs_predictivity, veb_sensitivity,
                                  veb_predictivity, veb_false_positives}) {
    EXPECT_EQ(record_ratio(figure, folded), record_ratio(figure, m));
  }
}

// Of V, `found` of `there`; `wrong` normal beats called V.
RecordScore score(std::int64_t found, std::int64_t there, std::int64_t wrong,
                  std::optional<double> rr_error = {}) {
  RecordScore score;
  score.comparison.matrix.counts[2][2] = found;
  score.comparison.matrix.counts[2][5] = there - found;
  score.comparison.matrix.counts[0][2] = wrong;
  score.comparison.rr_error = rr_error;
  return score;
}

TEST(Ec57Statistics, GrossIsOfBeatsAndAverageOfRecords) {
  const std::vector<RecordScore> records = {score(90, 100, 10), score(0, 10, 0), score(0, 0, 5)};
  const auto gross = [&](Ec57Figure f) { return aggregate_percent(Aggregate::gross, f, records); };
  const auto average = [&](Ec57Figure f) {
    return aggregate_percent(Aggregate::average, f, records);
  };
  EXPECT_DOUBLE_EQ(gross(veb_sensitivity).value(), 100 * 90.0 / 110);
  EXPECT_DOUBLE_EQ(average(veb_sensitivity).value(), 45) << "the third has no V";
  EXPECT_DOUBLE_EQ(gross(veb_predictivity).value(), 100 * 90.0 / 105);
  EXPECT_DOUBLE_EQ(average(veb_predictivity).value(), 45) << "the second calls nothing V";
  EXPECT_FALSE(gross(sveb_sensitivity));
  EXPECT_FALSE(average(sveb_sensitivity));
  EXPECT_FALSE(aggregate_percent(Aggregate::gross, qrs_sensitivity, {}));
}

TEST(Ec57Statistics, IntervalsHoldTheFigure) {
  std::vector<RecordScore> records;
  records.reserve(20);
  for (int i = 0; i < 20; ++i) records.push_back(score(50 + 2 * i, 100, i));
  for (const Aggregate aggregate : {Aggregate::gross, Aggregate::average}) {
    const double percent = aggregate_percent(aggregate, veb_sensitivity, records).value();
    const Interval interval = aggregate_interval(aggregate, veb_sensitivity, records).value();
    EXPECT_LT(interval.low, percent - 3);
    EXPECT_GT(interval.high, percent + 3);
    EXPECT_FALSE(aggregate_interval(aggregate, sveb_sensitivity, records));
  }
}

TEST(Ec57Statistics, RrErrorsAreAveragedAsPrinted) {
  EXPECT_FALSE(average_rr_error({}));
  const std::vector<RecordScore> records = {score(1, 1, 0, 10.004), score(1, 1, 0),
                                            score(1, 1, 0, 20.006)};
  EXPECT_DOUBLE_EQ(average_rr_error(records).value(), (10.00 + 20.01) / 2);
}

}  // namespace
}  // namespace ekgine
