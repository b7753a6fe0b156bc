#include "evaluation/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "base/atomic_file.h"
#include "base/json_file.h"
#include "tests/evaluation/pictures.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SearchPath;
using testing::TemporaryDirectory;

EvaluationFacts facts() {
  EvaluationFacts given;
  given.model = "Main_Model";
  given.class_names = {"N", "V"};
  return given;
}

std::vector<RecordPredictions> scored_records() {
  return {{"207", {0.25F, 0.75F}, {1}, {3000}},
          {"101", {0.5F, 0.5F, 1, 0, 0.625F, 0.375F}, {0, 0, 1}, {370, 650, 940}}};
}

std::set<std::string> files(const std::filesystem::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.insert(entry.path().filename());
  }
  return names;
}

TEST(Evaluation, LeavesEverythingInTheDirectory) {
  if (!testing::gnuplot_installed()) GTEST_SKIP() << "gnuplot is not installed";
  const TemporaryDirectory parent;
  const auto directory = parent / "made";
  const auto records = scored_records();
  const Evaluation evaluation = write_evaluation(directory, facts(), records);
  EXPECT_THAT(evaluation.notes, IsEmpty());
  EXPECT_EQ(files(directory),
            (std::set<std::string>{"report.txt", "metrics.json", "predictions.h5",
                                   "confusion_matrix.svg", "confusion_matrix.png", "roc.svg",
                                   "roc.png", "precision_recall.svg", "precision_recall.png"}));
  EXPECT_EQ(evaluation.metrics.sequences, 4);
  EXPECT_EQ(evaluation.metrics.accuracy, 0.75);
  ASSERT_EQ(evaluation.records.size(), 2);
  EXPECT_EQ(evaluation.records[0].record, "207");
  EXPECT_EQ(evaluation.records[0].metrics.accuracy, 1);
  EXPECT_EQ(evaluation.records[1].metrics.sequences, 3);
  EXPECT_EQ(read_json(directory / "metrics.json", Sealed::required),
            metrics_json(evaluation.metrics));
  EXPECT_EQ(read_predictions(directory / "predictions.h5", 2)[0].r_samples, records[1].r_samples);
  EXPECT_EQ(read_file(directory / "report.txt"),
            format_report(facts(), evaluation.metrics, evaluation.records, {}));
  testing::expect_picture(directory, "confusion_matrix", 900, 700);
}

TEST(Evaluation, WithoutADirectoryHasTheSameMetrics) {
  const TemporaryDirectory directory, empty;
  const SearchPath nothing(empty.path());
  EvaluationFacts given = facts();
  given.notes = {"Said by the caller."};
  const Evaluation written = write_evaluation(directory.path(), given, scored_records());
  const Evaluation evaluation = evaluate_predictions(given, scored_records());
  EXPECT_EQ(metrics_json(evaluation.metrics), metrics_json(written.metrics));
  ASSERT_EQ(evaluation.records.size(), 2);
  EXPECT_EQ(metrics_json(evaluation.records[1].metrics), metrics_json(written.records[1].metrics));
  EXPECT_THAT(evaluation.notes, ElementsAre("Said by the caller."));
  EXPECT_ERROR(evaluate_predictions(given, {}), "no records to evaluate");
}

TEST(Evaluation, GoesOnWithoutGnuplotAndSaysSo) {
  const TemporaryDirectory directory, empty;
  const SearchPath nothing(empty.path());
  EvaluationFacts given = facts();
  given.notes = {"Said by the caller."};
  const Evaluation evaluation = write_evaluation(directory.path(), given, scored_records());
  EXPECT_THAT(evaluation.notes,
              ElementsAre("Said by the caller.", HasSubstr("gnuplot is not installed")));
  EXPECT_EQ(files(directory.path()),
            (std::set<std::string>{"report.txt", "metrics.json", "predictions.h5"}));
  const std::string report = read_file(directory / "report.txt");
  EXPECT_THAT(report, HasSubstr("- Said by the caller."));
  EXPECT_THAT(report, HasSubstr("gnuplot is not installed"));
}

TEST(Evaluation, ChecksEverythingBeforeItWrites) {
  const TemporaryDirectory parent;
  auto records = scored_records();
  records[1].probabilities[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_ERROR(write_evaluation(parent / "made", facts(), records),
               "record 101: sequence 0: the probability of class 0 is nan, expected 0 to 1");
  EvaluationFacts given = facts();
  given.class_descriptions = {"one"};
  EXPECT_ERROR(write_evaluation(parent / "made", given, scored_records()),
               "report: 1 class descriptions, expected 2 as there are classes");
  EXPECT_THAT(files(parent.path()), IsEmpty());
}

TEST(Evaluation, WantsADirectoryItCanWriteIn) {
  const TemporaryDirectory parent;
  write_file(parent / "file", "");
  EXPECT_ERROR(write_evaluation(parent / "file", facts(), scored_records()),
               (parent / "file").string() + ": cannot create the folder");
  EXPECT_ERROR(write_evaluation(parent / "file/below", facts(), scored_records()),
               (parent / "file/below").string() + ": cannot create the folder");
}

TEST(Evaluation, ReportsFurtherStoresBesides) {
  const Evaluation other = evaluate_predictions(facts(), scored_records());
  const std::vector<RecordPredictions> one = {{"x", {0, 1}, {1}, {5}}};
  const Evaluation evaluation =
      evaluate_predictions(facts(), scored_records(), Intervals::none, {},
                           {{"store/a", {"r0", "r1"}, "r2 (too few beats)", other.metrics},
                            {"store/b", {"x"}, "", evaluate_predictions(facts(), one).metrics}});
  const std::string text = evaluation_text(facts(), evaluation);
  EXPECT_THAT(text,
              HasSubstr("Further stores, each by itself\n\n  store/a: 2 records, 4 sequences; "
                        "accuracy 0."));
  EXPECT_THAT(text, HasSubstr("left out: r2"));
  EXPECT_THAT(text, HasSubstr("store/b: 1 record, 1 sequences; accuracy 1.000, macro F1 1.000"));
  const Json json = evaluation_json(evaluation);
  ASSERT_EQ(json.at("stores").size(), 2);
  EXPECT_EQ(json.at("stores")[0].at("store"), "store/a");
  EXPECT_EQ(json.at("stores")[0].at("records"), Json::array({"r0", "r1"}));
  EXPECT_EQ(json.at("stores")[0].at("accuracy"), 0.75);
  EXPECT_TRUE(json.at("stores")[0].contains("intervals"));
  EXPECT_FALSE(json.at("stores")[1].contains("intervals"));
  const std::string_view classes[] = {"N", "V"};
  EXPECT_NO_THROW(check_metrics_json(json, classes, "f"));
}

}  // namespace
}  // namespace ekgine
