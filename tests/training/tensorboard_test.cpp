#include "training/tensorboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/directory_lock.h"
#include "tests/support/event_reader.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::Pair;
using testing::shown_images;
using testing::shown_scalars;
using testing::TemporaryDirectory;

// Without pictures, which gnuplot would have to draw.
class Logs : public ::testing::Test {
 protected:
  TensorBoardLog open(bool resumed) {
    return {folder_ / "logs", resumed, [this](const std::string& line) { said_ += line; }};
  }
  static EpochValues values(double loss) {
    EpochValues epoch;
    epoch.train_loss = loss;
    epoch.learning_rate = 0.5;
    return epoch;
  }
  static Metrics metrics(double accuracy) {
    Metrics m = compute_metrics(std::vector<float>{1, 0, 0, 1}, std::vector<std::int32_t>{0, 1},
                                std::vector<std::string>{"a", "b"});
    m.accuracy = accuracy;
    return m;
  }
  std::string logs() const { return folder_ / "logs"; }

  TemporaryDirectory folder_;
  std::string said_;
};

TEST_F(Logs, ShowWhatThereIs) {
  TensorBoardLog log = open(false);
  for (const auto& entry : fs::directory_iterator(logs())) {
    EXPECT_EQ(entry.path().filename(), lock_file_name) << "nothing before the first epoch";
  }
  log.add_epoch(1, values(0.5), 100, std::nullopt);
  log.add_epoch(2, values(0.25), std::nullopt, std::nullopt);
  const auto shown = shown_scalars(logs());
  ASSERT_EQ(shown.size(), 3u);
  EXPECT_THAT(shown.at("loss/training"), ElementsAre(Pair(1, 0.5F), Pair(2, 0.25F)));
  EXPECT_THAT(shown.at("learning_rate"), ElementsAre(Pair(1, 0.5F), Pair(2, 0.5F)));
  EXPECT_THAT(shown.at("sequences_per_second"), ElementsAre(Pair(1, 100)));
}

// Killed after an epoch was shown and before it was saved: the epoch comes again.
TEST_F(Logs, AnEpochThatIsRepeatedIsShownOnce) {
  open(false).add_epoch(1, values(1), 1, std::nullopt);
  open(true).add_epoch(2, values(2), 1, std::nullopt);
  {
    TensorBoardLog log = open(true);
    log.add_epoch(2, values(20), 1, std::nullopt);
    log.add_epoch(3, values(30), 1, std::nullopt);
  }
  EXPECT_THAT(shown_scalars(logs()).at("loss/training"),
              ElementsAre(Pair(1, 1), Pair(2, 20), Pair(3, 30)));
  // A run that stops early and is resumed from the start of its third epoch.
  open(true).add_epoch(3, values(300), 1, std::nullopt);
  EXPECT_THAT(shown_scalars(logs()).at("loss/training"),
              ElementsAre(Pair(1, 1), Pair(2, 20), Pair(3, 300)));
  EXPECT_EQ(event_files(logs()).size(), 4u);
  EXPECT_ERROR(open(false), logs() +
                                " holds the event files of another run; give each run a folder of "
                                "its own");
}

TEST_F(Logs, AnEvaluationReplacesTheOneBefore) {
  open(false).add_epoch(1, values(1), 1, std::nullopt);
  for (const double accuracy : {0.5, 0.75}) {
    TensorBoardLog log = open(true);
    log.set_evaluation(1, "test", metrics(accuracy));
    EXPECT_THAT(shown_scalars(logs()).at("accuracy/test"),
                ElementsAre(Pair(1, static_cast<float>(accuracy))));
    EXPECT_EQ(event_files(logs()).size(), 2u);
  }
  EXPECT_EQ(shown_images(logs()).size() + (said_.empty() ? 0 : 1), 1u) << said_;
}

TEST_F(Logs, AFullDiskIsAnError) {
  TensorBoardLog log = open(false);
  const testing::FileSizeLimit full(100);
  EXPECT_ERROR(log.add_epoch(1, values(1), 1, std::nullopt), ": cannot write: ");
}

}  // namespace
}  // namespace ekgine
