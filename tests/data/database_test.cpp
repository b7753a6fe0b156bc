// The whole MIT-BIH Arrhythmia Database, and what the reference published about it. Needs the
// database (EKGINE_DATABASE, the folder of 100.dat) and the reference's files (EKGINE_REFERENCE).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string_view>

#include "base/hdf5.h"
#include "data/normalisation.h"
#include "data/preprocess.h"
#include "data/scalogram.h"
#include "data/splits.h"
#include "data/wfdb_annotations.h"
#include "data/wfdb_signal.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryDirectory;

#define REQUIRE_FOLDER(name, variable)                                                \
  const char* const name##_text = std::getenv(variable);                              \
  if (name##_text == nullptr) GTEST_SKIP() << "the variable " variable " is not set"; \
  const std::filesystem::path name = name##_text

Split reference_split() {
  return read_split(fs::path(EKGINE_SOURCE_DIR) / "data/splits/reference.json");
}

// Sizes, initial values and checksums of both signals of every record agree with its header.
TEST(Database, IsReadWithoutComplaint) {
  REQUIRE_FOLDER(database, "EKGINE_DATABASE");
  const std::vector<std::string> names = database_records(database);
  EXPECT_EQ(names.size(), 48u);
  std::size_t annotations = 0;
  for (const std::string& name : names) {
    const WfdbHeader header = read_wfdb_header(database / (name + ".hea"));
    ASSERT_EQ(header.signals.size(), 2u) << name;
    for (const WfdbSignal& signal : header.signals) EXPECT_TRUE(signal.checksum.has_value());
    EXPECT_EQ(read_wfdb_millivolts(header, 0).size(), 650000u) << name;
    annotations += read_wfdb_annotations(database / (name + ".atr"), 360).size();
  }
  EXPECT_EQ(annotations, 112647u);
}

TEST(Database, GivesTheSeedsBeatsAndStatistics) {
  REQUIRE_FOLDER(database, "EKGINE_DATABASE");
  const TemporaryDirectory folder;
  preprocess({database, folder / "store", {}, "reference", "test", false, {.lead = "0"}});
  const Store store(folder / "store");
  EXPECT_EQ(store.info().records.size(), 48u);

  const Split split = reference_split();
  ClassCounts counts{};
  for (const StoreRecord& record : store.find(split.train)) {
    for (std::size_t c = 0; c < counts.size(); ++c) counts[c] += record.counts[c];
  }
  EXPECT_EQ(counts, (ClassCounts{78273, 2567, 4254, 419, 1815}));
  MemoryDataset test(store, split.test, 3);
  EXPECT_EQ(test.index().sequences(), 15573);
  require_all_classes(MemoryDataset(store, split.train, 3), "training");

  REQUIRE_FOLDER(reference, "EKGINE_REFERENCE");
  // The labels beside the reference's predictions.
  for (const char* file : {"Baseline_Model.final", "Main_Model.fold5"}) {
    const hdf5::File predictions =
        hdf5::File::open(reference / (std::string(file) + ".predictions.h5"));
    for (const std::string& name : predictions.members("/")) {
      const std::vector<std::int32_t> labels = store.read_labels(name);
      EXPECT_EQ(predictions.read<std::int32_t>(name + "/labels"),
                std::vector<std::int32_t>(labels.begin() + 2, labels.end()))
          << file << ", record " << name;
    }
  }

  const hdf5::File golden = hdf5::File::open(reference / "cwt_morl.h5");
  // Its 64 beats are beats of the store, bit for bit in float.
  std::set<std::string> beats;
  for (const StoreRecord& entry : store.info().records) {
    const RecordBeats record = store.read(entry.name);
    for (std::int64_t i = 0; i < record.size(); ++i) {
      const std::span<const float> beat = record.beat(i);
      beats.emplace(reinterpret_cast<const char*>(beat.data()), beat.size_bytes());
    }
  }
  const std::vector<float> golden_beats = golden.read<float>("beats_mV");
  for (std::size_t i = 0; i < golden_beats.size(); i += beat_samples) {
    EXPECT_TRUE(beats.contains(
        std::string(reinterpret_cast<const char*>(&golden_beats[i]), beat_samples * sizeof(float))))
        << "golden beat " << i / beat_samples;
  }

  MemoryDataset train(store, split.train, 3);
  const Normalisation found = compute_normalisation(train);
  const std::vector<double> mean = golden.read<double>("train_mean");
  const std::vector<double> std = golden.read<double>("train_std");
  ASSERT_EQ(mean.size(), 187u);
  ASSERT_EQ(std.size(), 187u);
  for (std::size_t t = 0; t < 187; ++t) {
    EXPECT_NEAR(found.mean[t], mean[t], 1e-7 * mean[t]) << "column " << t;
    EXPECT_NEAR(found.std[t], std[t], 1e-7 * std[t]) << "column " << t;
  }
}

}  // namespace
}  // namespace ekgine
