#include "evaluation/report.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/atomic_file.h"
#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

// One row of probabilities per sequence: 0.7 for the class predicted, the rest spread evenly.
RecordMetrics record_metrics(const std::string& name, const std::vector<std::string>& classes,
                             const std::vector<std::vector<int>>& confusion) {
  std::vector<float> probabilities;
  std::vector<std::int32_t> labels;
  const auto rest = 0.3F / static_cast<float>(classes.size() - 1);
  for (std::size_t truth = 0; truth < confusion.size(); ++truth) {
    for (std::size_t predicted = 0; predicted < confusion[truth].size(); ++predicted) {
      for (int i = 0; i < confusion[truth][predicted]; ++i) {
        labels.push_back(static_cast<std::int32_t>(truth));
        for (std::size_t c = 0; c < classes.size(); ++c) {
          probabilities.push_back(c == predicted ? 0.7F : rest);
        }
      }
    }
  }
  return {name, compute_metrics(probabilities, labels, classes)};
}

// The whole page, to the letter. It covers each of the notes that figures call for, absent and
// never-predicted classes, undefined areas, wrapping, and texts with characters beyond ASCII.
TEST(Report, IsThePageInTheFixture) {
  EvaluationFacts facts;
  facts.model = "Main_Model, 937,445 parameters";
  facts.weights = "runs/a/model.safetensors";
  facts.normalisation = "kept with the weights";
  facts.class_names = {"N", "S", "V", "F", "Q"};
  facts.class_descriptions = {
      "normal beats, left and right bundle branch block, atrial, nodal and supraventricular escape "
      "beats, all of which begin above the ventricles",
      "supraventricular ectopic beats", "ventricular ectopic beats",
      "fusion of ventricular and normal beats", "paced beats – and what could not be classified"};
  std::vector<std::vector<int>> first{
      {900, 60, 100, 0, 3}, {10, 12, 0, 0, 0}, {5, 4, 61, 0, 0}, {1, 0, 0, 0, 0}, {0, 0, 0, 0, 0}};
  std::vector<std::vector<int>> second{
      {200, 0, 0, 0, 0}, {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}};
  const std::vector<RecordMetrics> records{record_metrics("100", facts.class_names, first),
                                           record_metrics("x_long", facts.class_names, second)};
  first[0][0] += second[0][0];
  Metrics all = record_metrics("", facts.class_names, first).metrics;
  const Interval narrow{0.8600, 0.8700}, wide{0.25, 0.45};
  all.intervals = MetricIntervals{narrow, Interval{0.3, 0.9}, wide, narrow, {}};
  all.intervals->classes = {{narrow, narrow, narrow, narrow, narrow},
                            {wide, wide, wide, wide, std::nullopt},
                            {narrow, wide, narrow, wide, wide},
                            {std::nullopt, Interval{0, 0}, std::nullopt, wide, wide},
                            {}};
  const std::vector<std::string> notes{
      "Not drawn: confusion_matrix, roc, precision_recall: gnuplot is not installed (Debian: "
      "apt-get install gnuplot-nox)"};
  EXPECT_EQ(
      format_report(facts, all, records, notes),
      read_file(std::filesystem::path(EKGINE_SOURCE_DIR) / "tests/evaluation/fixtures/report.txt"));
}

TEST(Report, HasNoNotesWhereNoneAreCalledFor) {
  EvaluationFacts facts;
  facts.class_names = {"a", "b"};
  const RecordMetrics record = record_metrics("1", facts.class_names, {{40, 2}, {1, 35}});
  const std::string report = format_report(facts, record.metrics, std::span(&record, 1), {});
  EXPECT_NE(report.find("Of one record there is no interval"), std::string::npos);
  EXPECT_EQ(report.find("95 %"), std::string::npos);
  EXPECT_EQ(report.find("Notes"), std::string::npos);
  EXPECT_EQ(report.find("Weights"), std::string::npos) << "empty facts are left out";
  EXPECT_EQ(report.find('\t'), std::string::npos);
  EXPECT_EQ(report.find(" \n"), std::string::npos) << "no blanks at line ends";
  EXPECT_EQ(report.find("nan"), std::string::npos);
}

TEST(Report, OfOneSequence) {
  EvaluationFacts facts;
  facts.class_names = {"a", "b"};
  const RecordMetrics record = record_metrics("1", facts.class_names, {{0, 1}, {0, 0}});
  const std::string report = format_report(facts, record.metrics, std::span(&record, 1), {});
  EXPECT_NE(report.find("The accuracy is below that of always predicting a."), std::string::npos);
  EXPECT_NE(report.find("a has only 1 sequence: each moves its recall by 100 points."),
            std::string::npos);
  EXPECT_NE(report.find("a is never predicted."), std::string::npos);
  EXPECT_EQ(report.find("nan"), std::string::npos);
}

TEST(Report, WantsADescriptionPerClassOrNone) {
  EvaluationFacts facts;
  facts.class_names = {"a", "b"};
  facts.class_descriptions = {"first"};
  const RecordMetrics record = record_metrics("1", facts.class_names, {{1, 1}, {1, 1}});
  EXPECT_ERROR(format_report(facts, record.metrics, std::span(&record, 1), {}),
               "report: 1 class descriptions, expected 2 as there are classes");
}

}  // namespace
}  // namespace ekgine
