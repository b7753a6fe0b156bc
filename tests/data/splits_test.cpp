#include "data/splits.h"

#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/flips.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using testing::TemporaryDirectory;
using testing::write_bytes;

class SplitFile : public ::testing::Test {
 protected:
  Split read(const std::string& text) {
    write_bytes(folder_ / "splits.json", text);
    return read_split(folder_ / "splits.json");
  }

  TemporaryDirectory folder_;
};

TEST_F(SplitFile, ReadsBothForms) {
  const Split ours =
      read(R"({"train_records": ["1", "2"], "validation_records": ["3"], "test_records": ["4"]})");
  EXPECT_EQ(ours, (Split{{"1", "2"}, {"3"}, {"4"}}));
  EXPECT_EQ(read(R"({"kfold_records": ["1", "2"], "final_test_records": ["4"]})"),
            (Split{{"1", "2"}, {}, {"4"}}));
  EXPECT_EQ(read(R"({"train_records": ["1"]})"), (Split{{"1"}, {}, {}}));
  write_split(folder_ / "copy.json", ours);
  EXPECT_EQ(read_split(folder_ / "copy.json"), ours);
}

TEST_F(SplitFile, NamesWhatIsWrong) {
  EXPECT_ERROR(read("{ }}"), "splits.json: not JSON: unexpected at byte 4 of 4");
  EXPECT_ERROR(read("{ "), "splits.json: not JSON: it ends too early, after 2 bytes");
  EXPECT_ERROR(read("[1]"), "splits.json: expected a JSON object, found array");
  EXPECT_ERROR(read(R"({"train": ["1"]})"),
               "splits.json: 'train' is not known (train_records, validation_records, ");
  EXPECT_ERROR(read(R"({"train_records": "1"})"),
               "splits.json: 'train_records' is not a list of record names");
  EXPECT_ERROR(read(R"({"train_records": [100]})"),
               "splits.json: 'train_records' is not a list of record names");
  EXPECT_ERROR(read(R"({"train_records": ["1"], "kfold_records": ["2"]})"),
               "' is given twice, once in the reference's form");
  EXPECT_ERROR(read(R"({"train_records": ["1", "2", "1"]})"),
               "splits.json: training records: record 1 is named twice");
  EXPECT_ERROR(read(R"({"train_records": ["1", "2", "3"], "test_records": ["4", "3", "2"]})"),
               "splits.json: records 3, 2 are among both the training and the test records");
  EXPECT_ERROR(read(R"({"validation_records": ["1"], "test_records": ["1"]})"),
               "splits.json: record 1 is among both the validation and the test records");
  EXPECT_ERROR(read(R"({"train_records": [""]})"),
               "splits.json: training records: found an empty record name");
  EXPECT_ERROR(read(R"({"train_records": ["1"], "train_records": ["2"]})"),
               "splits.json: 'train_records' is given twice");
  EXPECT_ERROR(read(R"({"train_records": ["1,2"]})"),
               "splits.json: training records: '1,2' holds a comma, which separates records");
  EXPECT_ERROR(read_split(folder_ / "absent.json"), "absent.json: cannot open");
}

TEST_F(SplitFile, RefusesEveryFlippedBit) {
  const auto path = folder_ / "splits.json";
  write_split(path, {{"100", "101"}, {"200"}, {"300", "301"}});
  testing::expect_flips_refused(path, 400, [&] { read_split(path); });
}

TEST(ParseRecords, SplitsAtCommas) {
  EXPECT_THAT(parse_records("228", "--records"), ElementsAre("228"));
  EXPECT_THAT(parse_records("228,207, x_1 ", "--records"), ElementsAre("228", "207", "x_1"));
  EXPECT_ERROR(parse_records("", "--records"), "--records: found an empty record name");
  EXPECT_ERROR(parse_records("1,,2", "--records"), "--records: found an empty record name");
  EXPECT_ERROR(parse_records("1,2,", "--records"), "--records: found an empty record name");
  EXPECT_ERROR(parse_records("1,2,1", "--records"), "--records: record 1 is named twice");
}

TEST(ShippedSplits, AreWhatTheySay) {
  const std::filesystem::path folder = std::filesystem::path(EKGINE_SOURCE_DIR) / "data/splits";
  const Split split = read_split(folder / "reference.json");
  EXPECT_EQ(split.train.size(), 38u);
  EXPECT_EQ(split.test, parse_records("228,207,208,233,220,231,106", "test"));
  const Split samples = read_split(folder / "samples.json");
  for (const auto& list : {samples.train, samples.test}) {
    EXPECT_FALSE(list.empty());
    for (const std::string& record : list) {
      EXPECT_TRUE(std::filesystem::exists(folder / "../samples" / (record + ".dat"))) << record;
    }
  }
}

}  // namespace
}  // namespace ekgine
