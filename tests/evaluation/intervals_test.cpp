#include "evaluation/intervals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "tests/cases/random.h"
#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

const std::vector<std::string> three_classes = {"N", "V", "Q"};

// Records of N and V, scores on a grid so that many are equal. Q is in the last record alone.
std::vector<RecordPredictions> random_records(int count) {
  testing::Random random(9);
  std::vector<RecordPredictions> records;
  for (int r = 0; r < count; ++r) {
    RecordPredictions& record = records.emplace_back();
    record.record = std::to_string(100 + r);
    const double skill = random.uniform(0.2, 0.5);
    for (int i = 0; i < 60 + 10 * r; ++i) {
      const bool last = r + 1 == count && i % 10 == 0;
      record.labels.push_back(last ? 2 : i % 4 == 0);
      const double v = std::round(random.uniform(0, 0.5) * 16 + (i % 4 == 0 ? 16 * skill : 0)) / 16;
      const double q = last ? 0.25 : 0;
      record.probabilities.push_back(static_cast<float>(std::max(0.0, 1 - v - q)));
      record.probabilities.push_back(static_cast<float>(v));
      record.probabilities.push_back(static_cast<float>(q));
    }
  }
  return records;
}

// Records one after another, each as often as it is drawn.
Metrics metrics_of(std::span<const RecordPredictions> records, Draws draws) {
  std::vector<float> probabilities;
  std::vector<std::int32_t> labels;
  for (std::size_t r = 0; r < records.size(); ++r) {
    for (int i = 0; i < draws[r]; ++i) {
      probabilities.insert(probabilities.end(), records[r].probabilities.begin(),
                           records[r].probabilities.end());
      labels.insert(labels.end(), records[r].labels.begin(), records[r].labels.end());
    }
  }
  return compute_metrics(probabilities, labels, three_classes);
}

void expect_close(const std::optional<Interval>& found, const std::optional<Interval>& expected,
                  const char* what) {
  SCOPED_TRACE(what);
  ASSERT_TRUE(found && expected);
  EXPECT_NEAR(found->low, expected->low, 1e-12);
  EXPECT_NEAR(found->high, expected->high, 1e-12);
}

// Against metrics of each resample, made the slow way.
TEST(Intervals, AreThoseOfTheMetricsOfResamples) {
  const auto records = random_records(4);
  const auto found = metric_intervals(records, 3);
  ASSERT_TRUE(found);
  const auto expected = bootstrap(records.size(), 9, [&](Draws draws, std::span<double> figures) {
    const Metrics m = metrics_of(records, draws);
    const ClassMetrics& v = m.classes[1];
    const double all[] = {m.accuracy, m.loss, m.macro_f1, m.weighted_f1,       v.precision,
                          v.recall,   v.f1,   *v.auc,     *v.average_precision};
    std::ranges::copy(all, figures.begin());
  });
  expect_close(found->accuracy, expected[0], "accuracy");
  expect_close(found->loss, expected[1], "loss");
  expect_close(found->macro_f1, expected[2], "macro F1");
  expect_close(found->weighted_f1, expected[3], "weighted F1");
  const ClassIntervals& v = found->classes[1];
  expect_close(v.precision, expected[4], "precision");
  expect_close(v.recall, expected[5], "recall");
  expect_close(v.f1, expected[6], "F1");
  expect_close(v.auc, expected[7], "AUC");
  expect_close(v.average_precision, expected[8], "average precision");
  EXPECT_LT(v.recall->low, v.recall->high);
}

TEST(Intervals, OfAClassInOneRecordThereAreNone) {
  const auto found = metric_intervals(random_records(5), 3);
  const ClassIntervals& q = found->classes[2];
  EXPECT_FALSE(q.precision || q.recall || q.f1 || q.auc || q.average_precision);
  EXPECT_TRUE(found->classes[0].recall);
}

TEST(Intervals, OfOneRecordThereAreNone) {
  EXPECT_FALSE(metric_intervals(random_records(1), 3));
}

TEST(Intervals, DoNotDependOnTheOrderOfRecords) {
  auto records = random_records(6);
  const auto found = metric_intervals(records, 3);
  std::ranges::reverse(records);
  const auto again = metric_intervals(records, 3);
  EXPECT_EQ(found->accuracy, again->accuracy);
  EXPECT_EQ(found->loss, again->loss);
  EXPECT_EQ(found->classes[1].auc, again->classes[1].auc);
}

TEST(Intervals, AreWrittenReadAndChecked) {
  const auto records = random_records(4);
  Metrics metrics = metrics_of(records, std::vector<std::int32_t>{1, 1, 1, 1});
  EXPECT_FALSE(metrics_json(metrics).contains("intervals"));
  metrics.intervals = metric_intervals(records, 3);
  const Json json = metrics_json(metrics);
  EXPECT_EQ(interval_in(json, "macro_f1"), metrics.intervals->macro_f1);
  EXPECT_EQ(interval_in(json, "V", "auc"), metrics.intervals->classes[1].auc);
  EXPECT_EQ(interval_in(json, "Q", "auc"), std::nullopt);
  const std::vector<std::string_view> classes(three_classes.begin(), three_classes.end());
  check_metrics_json(json, classes, "f");
  const auto refuses = [&](const char* text, const auto& change) {
    Json crafted = json;
    change(crafted);
    EXPECT_ERROR(check_metrics_json(crafted, classes, "f"), text);
  };
  refuses("f: intervals: 'accuracy' must be an interval from 0 to 1", [](auto& j) {
    j["intervals"]["accuracy"] = Json::array({0.5, 0.4});
  });
  refuses("f: intervals: 'accuracy' must be an interval",
          [](auto& j) { j["intervals"]["accuracy"] = Json::array({0.5}); });
  refuses("f: intervals: class V: 'f1' must be an interval", [](auto& j) {
    j["intervals"]["classes"]["V"]["f1"] = Json::array({0.5, 1.5});
  });
  refuses("f: intervals: is about 2 classes",
          [](auto& j) { j["intervals"]["classes"].erase("V"); });
  refuses("f: intervals: 'more' is not known", [](auto& j) { j["intervals"]["more"] = 1; });
  refuses("f: 'intervals' is not an object", [](auto& j) { j["intervals"] = 1; });
  Json older = json;
  older.erase("intervals");
  check_metrics_json(older, classes, "f");
  EXPECT_EQ(interval_in(older, "accuracy"), std::nullopt);
  EXPECT_EQ(interval_in(older, "V", "auc"), std::nullopt);
}

}  // namespace
}  // namespace ekgine
