#include "evaluation/plots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/atomic_file.h"
#include "tests/cases/random.h"
#include "tests/evaluation/pictures.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using testing::expect_picture;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::TemporaryDirectory;

class Plots : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::gnuplot_installed()) GTEST_SKIP() << "gnuplot is not installed";
  }

  void draw(const std::vector<std::string>& names, const std::vector<float>& probabilities,
            const std::vector<std::int32_t>& labels) {
    const Metrics metrics = compute_metrics(probabilities, labels, names);
    EXPECT_THAT(draw_evaluation(directory.path(), "a_b {c} 'd'", metrics, probabilities, labels),
                IsEmpty());
    expect_picture(directory.path(), "confusion_matrix", 900, 700);
    expect_picture(directory.path(), "roc", 900, 700);
    expect_picture(directory.path(), "precision_recall", 900, 700);
  }
  std::string svg(const std::string& name) { return read_file(directory / (name + ".svg")); }

  TemporaryDirectory directory;
};

TEST_F(Plots, ShowTheNumbersOfTheEvaluation) {
  testing::Random random(11);
  std::vector<float> probabilities;
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 2000; ++i) {
    labels.push_back(i % 10 == 0 ? 1 : 0);
    const double p = random.uniform(0, 0.5) + 0.4 * labels.back();
    probabilities.push_back(static_cast<float>(1 - p));
    probabilities.push_back(static_cast<float>(p));
  }
  const std::vector<std::string> names{"N_1", "V"};
  draw(names, probabilities, labels);
  const Metrics metrics = compute_metrics(probabilities, labels, names);
  EXPECT_THAT(svg("confusion_matrix"), HasSubstr(">a_b {c} 'd'<"));
  EXPECT_THAT(svg("confusion_matrix"), HasSubstr(">N_1<"));
  EXPECT_THAT(svg("confusion_matrix"), HasSubstr(">1,800<"));
  EXPECT_THAT(svg("confusion_matrix"), HasSubstr(fmt::format(">{}<", metrics.confusion[1][1])));
  EXPECT_THAT(svg("roc"), HasSubstr(fmt::format(">{:.3f}<", *metrics.classes[1].auc)));
  EXPECT_THAT(svg("precision_recall"),
              HasSubstr(fmt::format(">{:.3f}<", *metrics.classes[1].average_precision)));
  EXPECT_THAT(svg("precision_recall"), HasSubstr(">10 %<"));
}

TEST_F(Plots, TheConfusionMatrixAloneInMemory) {
  const std::vector<float> probabilities{0.9F, 0.1F, 0.2F, 0.8F, 0.7F, 0.3F};
  draw({"N", "V"}, probabilities, {0, 1, 1});
  const Metrics metrics = compute_metrics(probabilities, std::vector<std::int32_t>{0, 1, 1},
                                          std::vector<std::string>{"N", "V"});
  const PngPicture picture = draw_confusion_matrix("a_b {c} 'd'", metrics);
  EXPECT_EQ(picture.note, "");
  EXPECT_TRUE(picture.png == read_file(directory / "confusion_matrix.png"));

  const testing::SearchPath nowhere(directory / "none");
  const PngPicture none = draw_confusion_matrix("", metrics);
  EXPECT_EQ(none.png, "");
  EXPECT_THAT(none.note, HasSubstr("confusion_matrix: gnuplot is not installed"));
}

TEST_F(Plots, OfOneSequence) {
  draw({"N", "S", "V", "F", "Q"}, {0.9F, 0.1F, 0, 0, 0}, {0});
  EXPECT_THAT(svg("roc"), HasSubstr(">–<")) << "an undefined area";
}

TEST_F(Plots, OfOneClassOnly) {
  draw({"N", "V"}, {0.9F, 0.1F, 0.2F, 0.8F, 0.7F, 0.3F}, {0, 0, 0});
}

TEST_F(Plots, OfManyClasses) {
  std::vector<std::string> names;
  std::vector<float> probabilities;
  std::vector<std::int32_t> labels;
  for (int c = 0; c < 12; ++c) {
    names.push_back(fmt::format("class {}", c));
    labels.push_back(c);
    for (int other = 0; other < 12; ++other) probabilities.push_back(c == other ? 0.5F : 0.04F);
  }
  draw(names, probabilities, labels);
}

EpochValues epoch(int index) {
  EpochValues values;
  values.train_loss = 1.0 / index;
  values.train_accuracy = 1 - 0.4 / index;
  values.validation_loss = 0.3 + 0.8 / index;
  values.validation_accuracy = 0.9 - 0.3 / index;
  values.validation_macro_f1 = 0.4 - 0.1 / index;
  values.learning_rate = 1e-3 / index;
  return values;
}

TEST_F(Plots, OfATrainingHistory) {
  std::vector<EpochValues> epochs;
  for (int i = 1; i <= 25; ++i) epochs.push_back(epoch(i));
  EXPECT_THAT(draw_history(directory.path(), "Main_Model", epochs, 7), IsEmpty());
  expect_picture(directory.path(), "history", 900, 900);
  EXPECT_THAT(svg("history"), HasSubstr(">epoch kept: 7<"));
  EXPECT_THAT(svg("history"), HasSubstr(">validation macro F1<"));
  // The largest learning rate, 1×10⁻³ in short, which leaves room for the axis label.
  EXPECT_THAT(svg("history"), HasSubstr(">1×10<"));
  EXPECT_THAT(svg("history"), HasSubstr(">-3<"));
}

TEST_F(Plots, OfOneEpoch) {
  const std::vector<EpochValues> epochs{epoch(1)};
  EXPECT_THAT(draw_history(directory.path(), "", epochs, 1), IsEmpty());
  expect_picture(directory.path(), "history", 900, 900);
}

TEST_F(Plots, OfTrainingWithoutValidation) {
  std::vector<EpochValues> epochs{epoch(1), epoch(2)};
  for (EpochValues& values : epochs) {
    values = {values.train_loss, {}, {}, {}, {}, values.learning_rate};
  }
  EXPECT_THAT(draw_history(directory.path(), "", epochs, std::nullopt), IsEmpty());
  expect_picture(directory.path(), "history", 900, 900);
  EXPECT_THAT(svg("history"), Not(HasSubstr("validation")));
}

TEST_F(Plots, OfTrainingThatDivergedOrStoodStill) {
  std::vector<EpochValues> epochs{epoch(1), epoch(2), epoch(3)};
  epochs[1].train_loss = std::numeric_limits<double>::infinity();
  epochs[2].train_loss = std::numeric_limits<double>::quiet_NaN();
  epochs[2].validation_loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(draw_history(directory.path(), "", epochs, std::nullopt), IsEmpty());
  expect_picture(directory.path(), "history", 900, 900);
  for (EpochValues& values : epochs) {
    values = {};
    values.validation_loss = std::numeric_limits<double>::quiet_NaN();
    values.train_loss = std::numeric_limits<double>::quiet_NaN();
  }
  EXPECT_THAT(draw_history(directory.path(), "", epochs, std::nullopt), IsEmpty());
  expect_picture(directory.path(), "history", 900, 900);
}

// The last epoch of a short run with a cosine schedule has a learning rate of 0; others are tiny.
TEST_F(Plots, OfTinyAndHugeValues) {
  std::vector<EpochValues> epochs{epoch(1)};
  epochs[0].learning_rate = 0;
  EXPECT_THAT(draw_history(directory.path(), "", epochs, 1), IsEmpty());
  EXPECT_THAT(svg("history"), Not(HasSubstr("×10"))) << "no powers on an axis of nothing";
  epochs = {epoch(1), epoch(2)};
  for (EpochValues& values : epochs) {
    values.learning_rate *= 2.5e-4;
    values.train_loss *= 1e-7;
    values.validation_loss = 3e6;
  }
  EXPECT_THAT(draw_history(directory.path(), "", epochs, 1), IsEmpty());
  EXPECT_THAT(svg("history"), HasSubstr(">2.5×10<"));
}

TEST_F(Plots, OfNoEpochIsAnError) {
  EXPECT_ERROR(draw_history(directory.path(), "", {}, std::nullopt),
               "history.svg: there are no epochs to draw");
}

}  // namespace
}  // namespace ekgine
