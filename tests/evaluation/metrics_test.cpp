#include "evaluation/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <numeric>

#include "base/atomic_file.h"
#include "base/json.h"
#include "evaluation/predictions.h"
#include "tests/cases/random.h"
#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

using testing::Random;

const std::vector<std::string> aami_classes{"N", "S", "V", "F", "Q"};

struct Predictions {
  std::vector<float> probabilities;
  std::vector<std::int32_t> labels;
  std::size_t classes = 5;
};

// Skewed labels; probabilities in steps of 1/levels that know something of them.
Predictions random_predictions(std::int64_t n, int levels, std::uint64_t seed) {
  Random random(seed);
  Predictions made;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto label = static_cast<std::int32_t>(std::pow(random.uniform(), 3) *
                                                 static_cast<double>(made.classes));
    made.labels.push_back(label);
    for (std::size_t c = 0; c < made.classes; ++c) {
      const double bonus = static_cast<std::int32_t>(c) == label ? 0.3 : 0.0;
      made.probabilities.push_back(
          static_cast<float>(std::floor(levels * random.uniform(bonus, 0.7 + bonus)) / levels));
    }
  }
  return made;
}

Metrics metrics_of(const Predictions& made) {
  return compute_metrics(made.probabilities, made.labels,
                         std::span(aami_classes).first(made.classes));
}

// Everything in `found` as in `expected`, numbers within 1e-12 of it.
void expect_same(const Json& found, const Json& expected, const std::string& where) {
  if (expected.is_object()) {
    ASSERT_EQ(found.size(), expected.size()) << where;
    for (const auto& [key, value] : expected.items()) {
      ASSERT_TRUE(found.contains(key)) << where << " has no " << key;
      expect_same(found[key], value, where + "." + key);
    }
  } else if (expected.is_number_float()) {
    ASSERT_TRUE(found.is_number()) << where << " is " << found;
    const double value = expected.get<double>();
    EXPECT_NEAR(found.get<double>(), value, 1e-12 * std::abs(value)) << where;
  } else {
    EXPECT_EQ(Json(found), expected) << where;
  }
}

TEST(Metrics, AreThoseOfScikitLearn) {
  const auto cases = parse_json(read_file(std::filesystem::path(EKGINE_SOURCE_DIR) /
                                          "tests/evaluation/fixtures/metrics.json"));
  ASSERT_EQ(cases.size(), 6);
  for (const auto& entry : cases) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    Predictions given;
    given.classes = entry["probabilities"][0].size();
    for (const auto& row : entry["probabilities"]) {
      for (const auto& value : row) given.probabilities.push_back(value.get<float>());
    }
    given.labels = entry["labels"].get<std::vector<std::int32_t>>();
    expect_same(metrics_json(metrics_of(given)), entry["expected"], "metrics");
  }
}

// The reference printed its results with two digits, and the areas with four.
TEST(Metrics, AreThoseTheReferencePublished) {
  const char* folder = std::getenv("EKGINE_REFERENCE");
  if (folder == nullptr) GTEST_SKIP() << "EKGINE_REFERENCE is not set";
  const std::filesystem::path reference(folder);
  const auto published = parse_json(read_file(reference / "published_results.json"));
  const auto evaluated = [&](const std::string& file) {
    Predictions all;
    for (const RecordPredictions& record : read_predictions(reference / file, 5)) {
      all.probabilities.insert(all.probabilities.end(), record.probabilities.begin(),
                               record.probabilities.end());
      all.labels.insert(all.labels.end(), record.labels.begin(), record.labels.end());
    }
    return metrics_of(all);
  };

  const Metrics baseline = evaluated("Baseline_Model.final.predictions.h5");
  const auto& results = published["Baseline_Model"];
  EXPECT_EQ(baseline.sequences, 15573);
  EXPECT_NEAR(baseline.accuracy, results["accuracy"].get<double>(), 0.005);
  EXPECT_NEAR(baseline.macro_f1, results["macro_f1"].get<double>(), 0.005);
  EXPECT_NEAR(baseline.weighted_f1, results["weighted_f1"].get<double>(), 0.005);
  for (std::size_t c = 0; c < 5; ++c) {
    ASSERT_TRUE(baseline.classes[c].auc);
    EXPECT_NEAR(*baseline.classes[c].auc, results["auc"][c].get<double>(), 0.5e-4)
        << aami_classes[c];
  }
  EXPECT_NEAR(majority_baseline(baseline).accuracy, 0.774, 0.0005);

  const Metrics fold5 = evaluated("Main_Model.fold5.predictions.h5");
  EXPECT_EQ(fold5.sequences, 15699);
  // Keras kept these two in float32.
  EXPECT_NEAR(fold5.accuracy, published["Main_Model.fold5"]["accuracy"].get<double>(), 1e-7);
  EXPECT_NEAR(fold5.loss, published["Main_Model.fold5"]["loss"].get<double>(), 1e-5);
}

TEST(Metrics, AreAllOneForAPerfectClassifier) {
  Predictions perfect;
  for (std::int32_t i = 0; i < 20; ++i) {
    perfect.labels.push_back(i % 5);
    for (std::int32_t c = 0; c < 5; ++c) perfect.probabilities.push_back(c == i % 5 ? 1.0F : 0.0F);
  }
  const Metrics metrics = metrics_of(perfect);
  EXPECT_EQ(metrics.accuracy, 1);
  EXPECT_EQ(metrics.macro_f1, 1);
  EXPECT_EQ(metrics.weighted_f1, 1);
  EXPECT_NEAR(metrics.loss, 1e-7, 1e-13);  // −ln(1 − 1e-7)
  for (const ClassMetrics& figures : metrics.classes) {
    EXPECT_EQ(figures.precision, 1);
    EXPECT_EQ(figures.recall, 1);
    EXPECT_EQ(figures.auc, 1.0);
    EXPECT_EQ(figures.average_precision, 1.0);
    EXPECT_EQ(figures.support, 4);
  }
}

TEST(Metrics, OfEqualProbabilitiesAreThoseOfChance) {
  Predictions tied = random_predictions(500, 10, 1);
  std::fill(tied.probabilities.begin(), tied.probabilities.end(), 0.2F);
  const Metrics metrics = metrics_of(tied);
  for (std::size_t c = 0; c < 5; ++c) {
    const ClassMetrics& figures = metrics.classes[c];
    EXPECT_EQ(figures.auc, 0.5);
    EXPECT_EQ(figures.average_precision, static_cast<double>(figures.support) / 500);
    EXPECT_EQ(metrics.confusion[c][0], figures.support) << "the first of equals is predicted";
  }
  EXPECT_NEAR(metrics.loss, std::log(5.0), 1e-7);
}

// The definition itself: the share of pairs in which the positive scores higher, ties half.
TEST(Metrics, AucIsTheShareOfPairsInOrder) {
  const Predictions made = random_predictions(300, 12, 2);
  const Metrics metrics = metrics_of(made);
  for (std::size_t c = 0; c < 5; ++c) {
    double in_order = 0, pairs = 0;
    for (std::size_t i = 0; i < made.labels.size(); ++i) {
      for (std::size_t j = 0; j < made.labels.size(); ++j) {
        const auto positive = static_cast<std::int32_t>(c);
        if (made.labels[i] != positive || made.labels[j] == positive) continue;
        const float a = made.probabilities[5 * i + c], b = made.probabilities[5 * j + c];
        in_order += a > b ? 1 : a == b ? 0.5 : 0;
        pairs += 1;
      }
    }
    ASSERT_TRUE(metrics.classes[c].auc);
    EXPECT_DOUBLE_EQ(*metrics.classes[c].auc, in_order / pairs);
  }
}

TEST(Metrics, DoNotDependOnTheOrderOfSequences) {
  const Predictions made = random_predictions(400, 20, 3);
  Predictions shuffled = made;
  Random random(4);
  for (std::int64_t i = 399; i > 0; --i) {
    const auto j = static_cast<std::size_t>(random.integer(0, i));
    const auto k = static_cast<std::size_t>(i);
    std::swap(shuffled.labels[k], shuffled.labels[j]);
    std::swap_ranges(shuffled.probabilities.begin() + static_cast<std::ptrdiff_t>(5 * k),
                     shuffled.probabilities.begin() + static_cast<std::ptrdiff_t>(5 * k + 5),
                     shuffled.probabilities.begin() + static_cast<std::ptrdiff_t>(5 * j));
  }
  ASSERT_NE(made.labels, shuffled.labels);
  Json a = metrics_json(metrics_of(made));
  Json b = metrics_json(metrics_of(shuffled));
  EXPECT_NEAR(a["loss"].get<double>(), b["loss"].get<double>(), 1e-12);  // a sum in another order
  a.erase("loss");
  b.erase("loss");
  EXPECT_EQ(a.dump(), b.dump());
}

TEST(Metrics, ClipsTheLossAsKerasDoes) {
  const std::vector<float> probabilities{0.0F, 1.0F, 1.0F, 0.0F};
  const std::vector<std::int32_t> labels{0, 0};
  const Metrics metrics = compute_metrics(probabilities, labels, std::span(aami_classes).first(2));
  EXPECT_DOUBLE_EQ(metrics.loss, 0.5 * (-std::log(1e-7) - std::log(1 - 1e-7)));
}

TEST(Metrics, TakesNegativeZeroAsZero) {
  const std::vector<float> probabilities{-0.0F, 1.0F, 0.0F, 1.0F};
  const std::vector<std::int32_t> labels{0, 1};
  const Metrics metrics = compute_metrics(probabilities, labels, std::span(aami_classes).first(2));
  EXPECT_EQ(metrics.classes[0].auc, 0.5);
}

TEST(Metrics, OfOneSequence) {
  const std::vector<float> probabilities{0.1F, 0.6F, 0.1F, 0.1F, 0.1F};
  const std::vector<std::int32_t> labels{1};
  const Metrics metrics = compute_metrics(probabilities, labels, aami_classes);
  EXPECT_EQ(metrics.accuracy, 1);
  EXPECT_EQ(metrics.macro_f1, 1) << "classes in neither labels nor predictions do not count";
  EXPECT_EQ(metrics.classes[1].auc, std::nullopt) << "there are no negatives";
  EXPECT_EQ(metrics.classes[1].average_precision, 1.0);
  EXPECT_EQ(metrics.classes[0].average_precision, std::nullopt);
}

TEST(Metrics, JsonKeepsNamesAndOrder) {
  const std::vector<float> probabilities{0.75F, 0.25F, 0.5F, 0.5F};
  const std::vector<std::int32_t> labels{0, 0};
  const std::vector<std::string> names{"V", "N"};
  EXPECT_EQ(metrics_json(compute_metrics(probabilities, labels, names)).dump(),
            R"({"accuracy":1.0,"loss":0.4904146265058631,"macro_f1":1.0,"weighted_f1":1.0,)"
            R"("sequences":2,"classes":{"V":{"precision":1.0,"recall":1.0,"f1":1.0,"support":2,)"
            R"("auc":null,"average_precision":1.0},"N":{"precision":0.0,"recall":0.0,"f1":0.0,)"
            R"("support":0,"auc":null,"average_precision":null}},"confusion":[[2,0],[0,0]]})");
}

TEST(Metrics, RefusesWhatIsNoPrediction) {
  const std::span two = std::span(aami_classes).first(2);
  const std::vector<std::int32_t> labels{0, 1, 1};
  const auto with = [&](float value) {
    return std::vector<float>{0.5F, 0.5F, 0.5F, value, 0.5F, 0.5F};
  };
  EXPECT_NO_THROW(compute_metrics(with(1.000001F), labels, two));
  EXPECT_ERROR(compute_metrics(with(std::numeric_limits<float>::quiet_NaN()), labels, two),
               "sequence 1: the probability of class 1 is nan, expected 0 to 1");
  EXPECT_ERROR(compute_metrics(with(std::numeric_limits<float>::infinity()), labels, two),
               "sequence 1: the probability of class 1 is inf, expected 0 to 1");
  EXPECT_ERROR(compute_metrics(with(-0.25F), labels, two),
               "sequence 1: the probability of class 1 is -0.25, expected 0 to 1");
  EXPECT_ERROR(compute_metrics(with(1.5F), labels, two),
               "sequence 1: the probability of class 1 is 1.5, expected 0 to 1");
  EXPECT_ERROR(compute_metrics(with(0.5F), std::vector<std::int32_t>{0, 0, 2}, two),
               "sequence 2: label 2, expected 0 to 1");
  EXPECT_ERROR(compute_metrics(with(0.5F), std::vector<std::int32_t>{-1, 0, 0}, two),
               "sequence 0: label -1, expected 0 to 1");
  EXPECT_ERROR(compute_metrics(with(0.5F), std::vector<std::int32_t>{0, 0}, two),
               "6 probabilities, expected (n,C)=(2,2)");
  EXPECT_ERROR(compute_metrics({}, {}, two), "no sequences to evaluate");
  EXPECT_ERROR(compute_metrics(with(0.5F), labels, std::span(aami_classes).first(1)),
               "1 class names, expected 2 or more");
}

TEST(MajorityBaseline, IsAConstantPredictionsFigures) {
  Predictions made = random_predictions(600, 10, 5);
  const Baseline baseline = majority_baseline(metrics_of(made));
  std::vector<double> frequencies(5, 0);
  for (const std::int32_t label : made.labels) {
    frequencies[static_cast<std::size_t>(label)] += 1.0 / 600;
  }
  const auto majority = static_cast<std::size_t>(
      std::max_element(frequencies.begin(), frequencies.end()) - frequencies.begin());
  for (std::size_t i = 0; i < made.probabilities.size(); ++i) {
    made.probabilities[i] = static_cast<float>(frequencies[i % 5]);
  }
  const Metrics constant = metrics_of(made);
  EXPECT_EQ(baseline.majority, majority);
  EXPECT_DOUBLE_EQ(baseline.accuracy, constant.accuracy);
  EXPECT_DOUBLE_EQ(baseline.macro_f1, constant.macro_f1);
  EXPECT_DOUBLE_EQ(baseline.weighted_f1, constant.weighted_f1);
  EXPECT_NEAR(baseline.loss, constant.loss, 1e-6);  // the frequencies were rounded to float
}

double area(const std::vector<CurvePoint>& points) {
  double sum = 0;
  for (std::size_t i = 1; i < points.size(); ++i) {
    sum += 0.5 * (points[i].y + points[i - 1].y) * (points[i].x - points[i - 1].x);
  }
  return sum;
}

TEST(Curves, HaveTheAreasOfTheMetrics) {
  for (const int levels : {7, 100, 1 << 22}) {
    const Predictions made = random_predictions(3000, levels, 6);
    const Metrics metrics = metrics_of(made);
    for (std::size_t c = 0; c < 5; ++c) {
      SCOPED_TRACE(::testing::Message() << levels << " levels, class " << c);
      const ClassCurves exact = compute_curves(made.probabilities, made.labels, 5, c, 0);
      EXPECT_NEAR(area(exact.roc), *metrics.classes[c].auc, 1e-12);
      EXPECT_NEAR(area(exact.precision_recall), *metrics.classes[c].average_precision, 1e-12);

      const ClassCurves thinned = compute_curves(made.probabilities, made.labels, 5, c);
      EXPECT_LE(thinned.roc.size(), exact.roc.size());
      EXPECT_NEAR(area(thinned.roc), *metrics.classes[c].auc, 1e-3);
      EXPECT_NEAR(area(thinned.precision_recall), *metrics.classes[c].average_precision, 1e-3);
      EXPECT_EQ(thinned.roc.front().x, 0);
      EXPECT_EQ(thinned.roc.front().y, 0);
      EXPECT_EQ(thinned.roc.back().x, 1);
      EXPECT_EQ(thinned.roc.back().y, 1);
      EXPECT_EQ(thinned.precision_recall.front().x, 0);
      EXPECT_EQ(thinned.precision_recall.back().x, 1);
    }
  }
}

double distance_to(const std::vector<CurvePoint>& line, CurvePoint p) {
  double nearest = INFINITY;
  for (std::size_t i = 1; i < line.size(); ++i) {
    const double dx = line[i].x - line[i - 1].x, dy = line[i].y - line[i - 1].y;
    const double squared = dx * dx + dy * dy;
    const double along =
        squared == 0
            ? 0
            : std::clamp(((p.x - line[i - 1].x) * dx + (p.y - line[i - 1].y) * dy) / squared, 0.0,
                         1.0);
    nearest = std::min(
        nearest, std::hypot(p.x - line[i - 1].x - along * dx, p.y - line[i - 1].y - along * dy));
  }
  return nearest;
}

TEST(Curves, ThinnedStayWithinTheTolerance) {
  const Predictions made = random_predictions(3000, 1 << 22, 7);
  const ClassCurves exact = compute_curves(made.probabilities, made.labels, 5, 0, 0);
  const ClassCurves thinned = compute_curves(made.probabilities, made.labels, 5, 0, 2e-3);
  EXPECT_LT(thinned.roc.size(), exact.roc.size() / 2);
  for (const CurvePoint& point : exact.roc) ASSERT_LE(distance_to(thinned.roc, point), 2e-3);
  for (const CurvePoint& point : exact.precision_recall) {
    ASSERT_LE(distance_to(thinned.precision_recall, point), 2e-3);
  }
}

TEST(Curves, OfASmallCaseByHand) {
  // Scores 0.9 +, 0.8 −, 0.8 +, 0.3 −, 0.1 −.
  const std::vector<float> probabilities{0.9F, 0.1F, 0.8F, 0.2F, 0.8F,
                                         0.2F, 0.3F, 0.7F, 0.1F, 0.9F};
  const std::vector<std::int32_t> labels{0, 1, 0, 1, 1};
  const auto [roc, precision_recall] = compute_curves(probabilities, labels, 2, 0, 0);
  const auto expect_points = [](const std::vector<CurvePoint>& found,
                                const std::vector<CurvePoint>& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_DOUBLE_EQ(found[i].x, expected[i].x) << i;
      EXPECT_DOUBLE_EQ(found[i].y, expected[i].y) << i;
    }
  };
  expect_points(roc, {{0, 0}, {0, 0.5}, {1.0 / 3, 1}, {1, 1}});
  expect_points(precision_recall, {{0, 1}, {0.5, 1}, {0.5, 2.0 / 3}, {1, 2.0 / 3}});
}

TEST(Curves, AreEmptyWhereTheAreaIsUndefined) {
  const std::vector<float> probabilities{0.6F, 0.4F, 0.7F, 0.3F};
  const std::vector<std::int32_t> labels{0, 0};
  EXPECT_TRUE(compute_curves(probabilities, labels, 2, 0).roc.empty());
  EXPECT_FALSE(compute_curves(probabilities, labels, 2, 0).precision_recall.empty());
  EXPECT_TRUE(compute_curves(probabilities, labels, 2, 1).roc.empty());
  EXPECT_TRUE(compute_curves(probabilities, labels, 2, 1).precision_recall.empty());
}

}  // namespace
}  // namespace ekgine
