#include "data/normalisation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/morlet_cwt.h"
#include "kernels/runtime/reserved_workspace.h"
#include "tests/support/beats.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/thread_count.h"

namespace ekgine {
namespace {

using testing::TemporaryDirectory;

// Mean and standard deviation in long double, over scalograms in double.
Normalisation reference(const std::vector<RecordBeats>& records) {
  std::vector<double> scalograms;
  ReservedWorkspace workspace(std::size_t{1} << 30);
  for (const RecordBeats& record : records) {
    const std::vector<double> beats(record.beats.begin(), record.beats.end());
    std::vector<double> more(static_cast<std::size_t>(record.size() * 32 * 187));
    kernels::morlet_cwt<double>({workspace}, {record.size(), 187, 32}, beats.data(), nullptr,
                                nullptr, more.data());
    scalograms.insert(scalograms.end(), more.begin(), more.end());
  }
  const std::size_t rows = scalograms.size() / 187;
  Normalisation result;
  for (std::size_t t = 0; t < 187; ++t) {
    long double mean = 0, squares = 0;
    for (std::size_t r = 0; r < rows; ++r) mean += scalograms[r * 187 + t];
    mean /= static_cast<long double>(rows);
    for (std::size_t r = 0; r < rows; ++r) {
      squares += (scalograms[r * 187 + t] - mean) * (scalograms[r * 187 + t] - mean);
    }
    result.mean.push_back(static_cast<double>(mean));
    result.std.push_back(std::sqrt(static_cast<double>(squares / static_cast<long double>(rows))));
  }
  return result;
}

void expect_near(const Normalisation& found, const Normalisation& expected, double tolerance) {
  ASSERT_EQ(found.mean.size(), 187u);
  ASSERT_EQ(found.std.size(), 187u);
  for (std::size_t t = 0; t < 187; ++t) {
    EXPECT_NEAR(found.mean[t], expected.mean[t], tolerance * expected.mean[t]) << "column " << t;
    EXPECT_NEAR(found.std[t], expected.std[t], tolerance * expected.std[t]) << "column " << t;
  }
}

TEST(Normalisation, IsTheMeanAndDeviationPerColumn) {
  // Around the sizes of blocks (64 beats) and groups (8 records).
  const std::vector<RecordBeats> records =
      testing::random_records({3, 63, 64, 65, 3, 5, 4, 129, 3, 10});
  MemoryDataset dataset(records, 3);
  std::int64_t last = 0;
  const Normalisation found = compute_normalisation(dataset, [&](std::int64_t done) {
    EXPECT_GT(done, last);
    last = done;
  });
  EXPECT_EQ(last, dataset.index().beats());
  expect_near(found, reference(records), 1e-6);
}

// A baseline offset makes E[x²] − E[x]² lose all digits; this must not.
TEST(Normalisation, SurvivesALargeOffset) {
  std::vector<RecordBeats> records;
  for (std::uint64_t i = 0; i < 3; ++i) {
    records.push_back(testing::random_beats(fmt::format("r{}", i), 40, i, 5000.0));
  }
  MemoryDataset dataset(records, 3);
  // What float leaves of a coefficient behind an offset of 5000 bounds the accuracy.
  expect_near(compute_normalisation(dataset), reference(records), 1e-2);
}

TEST(Normalisation, HasTheSameBitsOnAnyNumberOfThreadsAndStreamed) {
  const TemporaryDirectory folder;
  const std::vector<RecordBeats> records =
      testing::random_records({70, 3, 200, 30, 3, 4, 5, 6, 7, 8});
  testing::write_test_store(folder / "store", records);
  MemoryDataset memory(records, 3);
  StreamedDataset streamed(Store(folder / "store"), testing::names_of(records), 3);
  const Normalisation expected = compute_normalisation(memory);
  for (const int threads : {1, 2, 5}) {
    const testing::ThreadCount count(threads);
    for (Dataset* dataset : {static_cast<Dataset*>(&memory), static_cast<Dataset*>(&streamed)}) {
      const Normalisation found = compute_normalisation(*dataset);
      EXPECT_EQ(found.mean, expected.mean) << threads << " threads";
      EXPECT_EQ(found.std, expected.std) << threads << " threads";
    }
  }
}

TEST(Normalisation, RefusesConstantColumns) {
  RecordBeats flat = testing::random_beats("flat", 5, 1);
  flat.beats.assign(flat.beats.size(), 0.0f);
  MemoryDataset dataset(std::vector<RecordBeats>{flat}, 3);
  EXPECT_ERROR(compute_normalisation(dataset),
               "normalisation: column 0 of the scalograms is constant over records flat");
}

// Of the first records alone; what is constant is divided by nothing.
TEST(Normalisation, OfFeatures) {
  std::vector<RecordBeats> records = testing::random_records({2, 2, 3});
  for (RecordBeats& record : records) {
    record.features.assign(static_cast<std::size_t>(record.size() * beat_features), 7);
  }
  const auto set = [&](std::size_t record, std::size_t beat, float value) {
    records[record].features[beat * beat_features + 3] = value;
  };
  set(0, 0, 1), set(0, 1, 3), set(1, 0, 5), set(1, 1, 7), set(2, 0, 1000);
  for (RecordBeats& record : records) measure_in(BeatUnit::features, record);
  MemoryDataset dataset(records, 1);
  const Normalisation found = feature_normalisation(dataset, 2);
  ASSERT_EQ(found.mean.size(), static_cast<std::size_t>(beat_features));
  EXPECT_DOUBLE_EQ(found.mean[3], 4);
  EXPECT_DOUBLE_EQ(found.std[3], std::sqrt(5.0));
  EXPECT_DOUBLE_EQ(found.mean[0], 7);
  EXPECT_DOUBLE_EQ(found.std[0], 1);
}

}  // namespace
}  // namespace ekgine
