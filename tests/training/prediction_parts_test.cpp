#include "training/prediction_parts.h"

#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/flips.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryDirectory;

class PartsOfPredictions : public ::testing::Test {
 protected:
  PartsOfPredictions() {
    fs::create_directory(parts_.parts().folder());
    beats_.name = "p1/a";
    beats_.labels = {0, 4, 2};
    beats_.symbols = {'N', '"', '?'};
    beats_.r_samples = {100, 400, std::int64_t{1} << 40};
    beats_.missed = 5;
    beats_.extra = 6;
    predictions_ = {.record = "p1/a",
                    .probabilities = {0.25F, 0.75F, 0, 0, 0, 0.1F, 0.2F, 0.3F, 0.4F, 0},
                    .labels = {4, 2},
                    .r_samples = {400, std::int64_t{1} << 40}};
    parts_.write(beats_, predictions_, "x");
  }
  TemporaryDirectory folder_;
  const PredictionParts parts_{folder_ / "out"};
  RecordBeats beats_;
  RecordPredictions predictions_;
};

TEST_F(PartsOfPredictions, AreReadAsTheyWereWritten) {
  const Json done = parts_.done("p1/a", "x");
  ASSERT_FALSE(done.is_null());
  const RecordBeats beats = parts_.beats("p1/a", done);
  EXPECT_EQ(beats.name, "p1/a");
  EXPECT_EQ(beats.labels, beats_.labels);
  EXPECT_EQ(beats.symbols, beats_.symbols);
  EXPECT_EQ(beats.r_samples, beats_.r_samples);
  EXPECT_EQ(beats.missed, 5);
  EXPECT_EQ(beats.extra, 6);
  const RecordPredictions read = parts_.predictions("p1/a");
  EXPECT_EQ(read.record, "p1/a");
  EXPECT_EQ(read.probabilities, predictions_.probabilities);
  EXPECT_EQ(read.labels, predictions_.labels);
  EXPECT_EQ(read.r_samples, predictions_.r_samples);
  parts_.remove("p1/a");
  EXPECT_TRUE(fs::is_empty(parts_.parts().folder()));
}

TEST_F(PartsOfPredictions, AreNotDoneWhereTheyAreDamaged) {
  testing::with_flips(
      parts_.parts().folder() / "p1%2Fa%predictions.h5", 200, 0,
      [&](const std::string& where) { EXPECT_TRUE(parts_.done("p1/a", "x").is_null()) << where; });
  EXPECT_FALSE(parts_.done("p1/a", "x").is_null());
}

// With right checksums, so that only these checks stand between them and a report.
TEST_F(PartsOfPredictions, ThatLieAreRefused) {
  const Json done = parts_.done("p1/a", "x");
  const auto with = [&](const char* key, const Json& value) {
    Json changed = done;
    changed[key] = value;
    return changed;
  };
  EXPECT_ERROR(parts_.beats("p1/a", with("symbols", "NN")),
               "p1%2Fa%predictions.h5: its note has 3 labels, 2 symbols and 3 samples of beats");
  EXPECT_ERROR(parts_.beats("p1/a", with("labels", Json::array({1}))), "has 1 labels, 3 symbols");
  EXPECT_ERROR(parts_.beats("p1/a", with("r_samples", Json::array())), "and 0 samples of beats");
  EXPECT_ERROR(parts_.beats("p1/a", with("labels", "NNN")), "'labels' is not a list of integers");
  EXPECT_ERROR(parts_.beats("p1/a", with("missed_beats", 0.5)), "'missed_beats' is not an integer");
  RecordBeats other = beats_;
  other.name = "b";
  parts_.write(other, predictions_, "x");
  EXPECT_ERROR(parts_.predictions("b"),
               "b%predictions.h5: has not the predictions of record b alone");
}

}  // namespace
}  // namespace ekgine
