#include "evaluation/predictions.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "base/atomic_file.h"
#include "base/hdf5.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/flips.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using testing::TemporaryDirectory;

const std::vector<std::string> two_classes{"N", "V"};

std::vector<RecordPredictions> records_of_two_classes() {
  return {{"207", {0.25F, 0.75F}, {1}, {3'000'000'000}},
          {"101", {0.5F, 0.5F, 1, 0, 0.125F, 0.875F}, {0, 0, 1}, {370, 650, 940}}};
}

void expect_equal(const RecordPredictions& a, const RecordPredictions& b) {
  EXPECT_EQ(a.record, b.record);
  EXPECT_EQ(a.probabilities, b.probabilities);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.r_samples, b.r_samples);
}

TEST(Predictions, AreReadAsWrittenInNameOrder) {
  const TemporaryDirectory directory;
  const auto path = directory / "predictions.h5";
  const auto written = records_of_two_classes();
  write_predictions(path, written, two_classes);
  const auto read = read_predictions(path, 2);
  ASSERT_EQ(read.size(), 2);
  expect_equal(read[0], written[1]);
  expect_equal(read[1], written[0]);
  EXPECT_EQ(hdf5::File::open(path).read_text("/", "classes"), "N,V");
  EXPECT_EQ(hdf5::File::open(path).shape("101/probabilities"), (std::vector<std::int64_t>{3, 2}));
}

TEST(Predictions, OfRecordsInFoldersAreGroupsOfTheRoot) {
  const TemporaryDirectory directory;
  const auto path = directory / "predictions.h5";
  auto written = records_of_two_classes();
  written[0].record = "p1/s%1";
  write_predictions(path, written, two_classes);
  EXPECT_TRUE(hdf5::File::open(path).exists("p1%2Fs%251/probabilities"));
  const auto read = read_predictions(path, 2);
  ASSERT_EQ(read.size(), 2);
  expect_equal(read[1], written[0]);
}

TEST(Predictions, WithoutRSamplesAreRead) {
  const TemporaryDirectory directory;
  const auto path = directory / "predictions.h5";
  auto written = records_of_two_classes();
  for (RecordPredictions& record : written) record.r_samples.clear();
  write_predictions(path, written, two_classes);
  EXPECT_FALSE(hdf5::File::open(path).exists("101/r_samples"));
  EXPECT_TRUE(read_predictions(path, 2)[0].r_samples.empty());
}

TEST(Predictions, ThatAreWrongAreRefusedBeforeWriting) {
  const TemporaryDirectory directory;
  const auto path = directory / "predictions.h5";
  auto records = records_of_two_classes();
  const auto write = [&] { write_predictions(path, records, two_classes); };

  records[1].probabilities[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_ERROR(write(),
               "record 101: sequence 1: the probability of class 1 is nan, expected 0 to 1");
  records = records_of_two_classes();
  records[0].labels[0] = 2;
  EXPECT_ERROR(write(), "record 207: sequence 0: label 2, expected 0 to 1");
  records = records_of_two_classes();
  records[0] = {"207", {}, {}, {}};
  EXPECT_ERROR(write(), "record 207: no sequences to evaluate");
  records = records_of_two_classes();
  records[1].r_samples.pop_back();
  EXPECT_ERROR(write(), "record 101: 2 R samples, expected 3 as there are labels");
  records = records_of_two_classes();
  records[1].r_samples = {370, 940, 650};
  EXPECT_ERROR(write(), "record 101: R samples are not in the order of the signal");
  records = records_of_two_classes();
  records[1].record = "207";
  EXPECT_ERROR(write(), "record 207: given twice");
  for (const char* name : {"", ".", "../b"}) {
    records[1].record = name;
    EXPECT_ERROR(write(), "predictions.h5: '" + std::string(name) + "' is no name of a record");
  }
  records.clear();
  EXPECT_ERROR(write(), "no records to evaluate");
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(Predictions, ThatAreDamagedAreRefusedByFileAndPlace) {
  const TemporaryDirectory directory;
  const auto path = directory / "predictions.h5";
  const std::string name = path.string();
  EXPECT_ERROR(read_predictions(path, 2), name);

  write_file(path, "not HDF5");
  EXPECT_ERROR(read_predictions(path, 2), name);

  const std::array<std::int64_t, 2> matrix{2, 2};
  const std::array<std::int64_t, 1> column{2}, longer{3};
  const std::vector<float> probabilities{0.5F, 0.5F, 0.5F, 0.5F}, too_large{0.5F, 0.5F, 7, 0.5F};
  const std::vector<std::int32_t> labels{0, 1}, more{0, 1, 1};
  hdf5::File::create(path).close();
  EXPECT_ERROR(read_predictions(path, 2), name + ": holds no records");
  {
    auto file = hdf5::File::create(path);
    file.write<std::int32_t>("101", labels, column);
    file.close();
  }
  EXPECT_ERROR(read_predictions(path, 2), name + ": /101 is a dataset, expected a group");
  {
    auto file = hdf5::File::create(path);
    file.write<float>("101/probabilities", probabilities, matrix);
    file.close();
  }
  EXPECT_ERROR(read_predictions(path, 2), "101/labels");
  EXPECT_ERROR(read_predictions(path, 5), "101/probabilities");
  {
    auto file = hdf5::File::create(path);
    file.write<float>("101/probabilities", probabilities, matrix);
    file.write<std::int32_t>("101/labels", more, longer);
    file.close();
  }
  EXPECT_ERROR(read_predictions(path, 2), "101/labels");
  {
    auto file = hdf5::File::create(path);
    file.write<float>("101/probabilities", too_large, matrix);
    file.write<std::int32_t>("101/labels", labels, column);
    file.close();
  }
  EXPECT_ERROR(read_predictions(path, 2),
               name + ": record 101: sequence 1: the probability of class 0 is 7, expected 0 to 1");

  write_predictions(path, records_of_two_classes(), two_classes);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_ERROR(read_predictions(path, 2), name);
}

TEST(Predictions, RefuseEveryFlippedBit) {
  const TemporaryDirectory directory;
  const auto path = directory / "predictions.h5";
  write_predictions(path, records_of_two_classes(), two_classes);
  testing::expect_flips_refused(path, 200, [&] { read_predictions(path, 2); });
}

TEST(Predictions, WithoutASealAreReadWhereTheyMayHaveNone) {
  const TemporaryDirectory directory;
  const auto path = directory / "predictions.h5";
  write_predictions(path, records_of_two_classes(), two_classes);
  const std::string sealed = read_file(path);
  const std::string unsealed = sealed.substr(sealed.find("\x89HDF"));
  testing::write_bytes(path, unsealed);
  EXPECT_ERROR(read_predictions(path, 2), path.string() + ": is damaged: its checksum is missing");
}

TEST(Predictions, SurviveADiskThatFillsUp) {
  const TemporaryDirectory directory;
  const auto path = directory / "predictions.h5";
  write_predictions(path, records_of_two_classes(), two_classes);
  const std::string before = read_file(path);
  {
    const testing::FileSizeLimit limit(512);
    EXPECT_ERROR(write_predictions(path, records_of_two_classes(), two_classes), "predictions.h5");
  }
  EXPECT_EQ(read_file(path), before);
  EXPECT_FALSE(std::filesystem::exists(directory / "predictions.h5.partial"));
}

}  // namespace
}  // namespace ekgine
