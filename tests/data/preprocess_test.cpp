#include "data/preprocess.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "base/atomic_file.h"
#include "base/interrupt.h"
#include "data/beat_unit.h"
#include "data/normalisation.h"
#include "data/scalogram.h"
#include "kernels/runtime/reserved_workspace.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/thread_count.h"
#include "tests/support/wfdb_writer.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::random_record;
using testing::TemporaryDirectory;
using testing::write_bytes;

class Preprocess : public ::testing::Test {
 protected:
  Preprocess() {
    fs::create_directory(options_.database);
    std::uint64_t seed = 0;
    for (const char* name : {"c", "a", "d", "b"}) {
      write_wfdb_record(options_.database,
                        random_record(name, 6 + static_cast<int>(seed), "NAVFQ", 1 + seed));
      ++seed;
    }
  }

  TemporaryDirectory folder_;
  PreprocessOptions options_{folder_ / "database", folder_ / "store", {},
                             "reference",          "test 1",          false};
};

TEST_F(Preprocess, WritesEveryRecord) {
  std::vector<std::int64_t> seen;
  preprocess(options_, [&](std::int64_t done, std::int64_t total) {
    EXPECT_EQ(total, 4);
    seen.push_back(done);
  });
  EXPECT_THAT(seen, ElementsAre(1, 2, 3, 4));
  const Store store(options_.output);
  EXPECT_THAT(store.record_names(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(store.info().tool, "test 1");
  EXPECT_EQ(store.info().source, options_.database.string());
  for (const std::string& name : store.record_names()) {
    const RecordBeats expected = read_record_beats(options_.database, name, label_map("reference"));
    const RecordBeats found = store.read(name);
    EXPECT_EQ(found.beats, expected.beats);
    EXPECT_EQ(found.labels, expected.labels);
    EXPECT_EQ(found.symbols, expected.symbols);
    EXPECT_EQ(found.r_samples, expected.r_samples);
    EXPECT_EQ(found.lead, "LEAD0");
    EXPECT_EQ(found.features, expected.features);
    EXPECT_EQ(store.read_waves(name).samples, expected.waves.samples);
  }
}

// The same bits as the store's, whatever beats are measured in.
TEST_F(Preprocess, CutsRecordsWithoutAStore) {
  options_.beats.invert = true;
  preprocess(options_);
  for (const BeatUnit unit : {BeatUnit::millivolts, BeatUnit::deviation}) {
    const std::vector<RecordBeats> expected = Store(options_.output, unit).read_all({"d", "a"});
    const std::vector<RecordBeats> found =
        cut_records(options_.database, {"d", "a"}, label_map("reference"), options_.beats, unit);
    ASSERT_EQ(found.size(), 2u);
    for (std::size_t r = 0; r < found.size(); ++r) {
      EXPECT_EQ(found[r].name, expected[r].name);
      EXPECT_EQ(found[r].unit, unit);
      EXPECT_TRUE(found[r].beats == expected[r].beats);
      EXPECT_EQ(found[r].labels, expected[r].labels);
      EXPECT_EQ(found[r].r_samples, expected[r].r_samples);
    }
  }
  const auto cut = [&](const std::vector<std::string>& records) {
    cut_records(options_.database, records, label_map("ec57"), {}, BeatUnit::millivolts);
  };
  EXPECT_ERROR(cut({"a", "x", "y"}), "database: records x, y do not exist (no .hea file)");
  EXPECT_ERROR(cut({"a", "a"}), "record a is named twice");
}

TEST_F(Preprocess, FollowsRecordsAndTheList) {
  write_bytes(options_.database / "RECORDS", "d\nb\r\na\n");
  EXPECT_THAT(database_records(options_.database), ElementsAre("d", "b", "a"));
  preprocess(options_);
  EXPECT_THAT(Store(options_.output).record_names(), ElementsAre("d", "b", "a"));
  options_.records = {"c", "a"};
  preprocess(options_);
  EXPECT_THAT(Store(options_.output).record_names(), ElementsAre("c", "a"));
}

TEST_F(Preprocess, ReadsRecordsInFolders) {
  fs::create_directories(options_.database / "p1/s2");
  const auto record = random_record("x", 5, "NV", 8);
  write_wfdb_record(options_.database / "p1/s2", record);
  write_bytes(options_.database / "RECORDS", "p1/s2/x\nb\n");
  preprocess(options_);
  const Store store(options_.output);
  EXPECT_THAT(store.record_names(), ElementsAre("p1/s2/x", "b"));
  EXPECT_TRUE(fs::exists(options_.output / "p1%2Fs2%2Fx.h5"));
  const RecordBeats expected =
      read_record_beats(options_.database / "p1/s2", "x", label_map("reference"));
  EXPECT_EQ(store.read("p1/s2/x").beats, expected.beats);
  preprocess(options_);  // such a store is replaced like any other
  options_.records = {"p1/s2/x"};
  preprocess(options_);
  EXPECT_THAT(Store(options_.output).record_names(), ElementsAre("p1/s2/x"));
}

TEST_F(Preprocess, CountsWhatIsLeftOut) {
  auto record = random_record("e", 6, "NV", 8);
  record.signals[0][150] = record.signals[0][160] = record.signals[0][700] = -2048;
  record.signals[1][1000] = -2048;  // of the signal that is not used
  record.annotations.push_back({1650, 'V', 1});
  write_wfdb_record(options_.database, record);
  write_wfdb_record(options_.database, random_record("n", 6, "N", 9));
  fs::remove(options_.database / "n.atr");
  for (const char* list : {"", "n\ne\na\n"}) {
    if (*list != '\0') write_bytes(options_.database / "RECORDS", list);
    const PreprocessSummary summary = preprocess(options_);
    EXPECT_THAT(summary.unannotated, ElementsAre("n"));
    EXPECT_EQ(summary.unmeasured, 2);
    EXPECT_EQ(summary.repeated, 1);
    EXPECT_THAT(Store(options_.output).read("e").r_samples, ElementsAre(450, 1050, 1350, 1650));
  }
  options_.records = {"e", "n"};
  EXPECT_ERROR(preprocess(options_), "n.atr: cannot open: No such file or directory");
  options_.records = {};
  write_bytes(options_.database / "RECORDS", "n\n");
  EXPECT_ERROR(preprocess(options_), "database: no record has annotations (.atr files)");
}

TEST_F(Preprocess, WritesScalogramsWhenAsked) {
  options_.scalograms = true;
  preprocess(options_);
  const Store store(options_.output);
  ReservedWorkspace workspace(std::size_t{1} << 30);
  for (const std::string& name : store.record_names()) {
    const RecordBeats record = store.read(name);
    std::vector<float> expected(static_cast<std::size_t>(record.size() * scalogram_size));
    compute_scalograms({workspace}, record.beats, expected);
    const std::vector<float> found = store.read_scalograms(name, 0, record.size());
    ASSERT_EQ(found.size(), expected.size());
    // One thread or several may round differently.
    for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-5);
  }
}

// Training's statistics are the same bits whether the store has a part of them or not; and they are
// of beats in the unit that is asked for.
TEST_F(Preprocess, KeepsTheMomentsOfDeviations) {
  write_wfdb_record(options_.database, random_record("e", 150, "NAVFQ", 9));  // three blocks
  preprocess(options_);
  for (const BeatUnit unit : {BeatUnit::deviation, BeatUnit::record}) {
    const bool kept = unit == BeatUnit::deviation;
    std::vector<RecordBeats> records;
    for (const std::string& name : Store(options_.output).record_names()) {
      records.push_back(read_record_beats(options_.database, name, label_map("reference")));
      measure_in(unit, records.back());
    }
    MemoryDataset computed(records, 3);
    EXPECT_FALSE(computed.known_moments(0));
    const Normalisation expected = compute_normalisation(computed);
    const Store store(options_.output, unit);
    MemoryDataset memory(store, store.record_names(), 3);
    StreamedDataset streamed(store, store.record_names(), 3);
    for (Dataset* dataset : {static_cast<Dataset*>(&memory), static_cast<Dataset*>(&streamed)}) {
      EXPECT_EQ(dataset->unit(), unit);
      EXPECT_EQ(dataset->known_moments(4).has_value(), kept);
      std::vector<std::int64_t> progress;
      const Normalisation found =
          compute_normalisation(*dataset, [&](std::int64_t done) { progress.push_back(done); });
      EXPECT_EQ(found.mean, expected.mean);
      EXPECT_EQ(found.std, expected.std);
      EXPECT_EQ(progress.back(), dataset->index().beats());
      EXPECT_EQ(progress.size() == 1, kept);
    }
  }
}

// Beats that are all flat have no typical size; millivolts can still be asked for.
TEST_F(Preprocess, TakesFlatRecords) {
  auto flat = random_record("f", 8, "NAVFQ", 5);
  for (auto& signal : flat.signals) std::fill(signal.begin(), signal.end(), 0);
  write_wfdb_record(options_.database, flat);
  preprocess(options_);
  EXPECT_EQ(Store(options_.output).read("f").size(), 8);
  const auto has_moments = [&](const char* record) {
    std::optional<Moments> moments;
    Store(options_.output, BeatUnit::deviation).read_labels(record, &moments);
    return moments.has_value();
  };
  EXPECT_FALSE(has_moments("f"));
  EXPECT_TRUE(has_moments("a"));
}

TEST_F(Preprocess, GivesTheSameBytesOnAnyNumberOfThreads) {
  options_.scalograms = true;
  std::vector<std::string> files[2];
  for (const int threads : {1, 3}) {
    const testing::ThreadCount count(threads);
    preprocess(options_);
    for (const char* name : {"a.h5", "b.h5", "c.h5", "d.h5", "store.json", "metadata.json"}) {
      files[threads == 3].push_back(read_file(options_.output / name));
    }
  }
  EXPECT_TRUE(files[0] == files[1]);
}

TEST_F(Preprocess, NamesWhatIsWrong) {
  const auto refuses = [this](const std::string& expected) {
    EXPECT_ERROR(preprocess(options_), expected);
    EXPECT_FALSE(fs::exists(options_.output));
    EXPECT_FALSE(fs::exists(folder_ / "store.partial"));
  };
  options_.records = {"x", "a", "y"};
  refuses(options_.database.string() + ": records x, y do not exist (no .hea file)");
  for (const char* name : {"../a", "/a", "x/../a", "a/"}) {
    options_.records = {name};
    refuses("records: '" + std::string(name) + "' is no name of a record");
  }
  options_.records = {};
  for (const char* name : {"../a", "/a", "x/../a"}) {
    write_bytes(options_.database / "RECORDS", "b\n\n" + std::string(name) + "\n");
    refuses("database/RECORDS:3: '" + std::string(name) + "' is no name of a record");
  }
  write_bytes(options_.database / "RECORDS", "p1/\n");
  refuses("database/RECORDS:1: the folder p1/ is listed, expected its records");
  fs::remove(options_.database / "RECORDS");
  options_.records = {"a", "b", "a"};
  refuses("record a is named twice");
  options_.records = {};
  options_.label_map = "none";
  refuses("label map 'none' does not exist");
  options_.label_map = "reference";
  fs::remove(options_.database / "c.dat");
  refuses("c.dat: cannot open: No such file or directory");
  fs::create_directory(folder_ / "empty");
  EXPECT_ERROR(database_records(folder_ / "empty"),
               "empty: holds no records (no RECORDS, no .hea files)");
  EXPECT_ERROR(database_records(folder_ / "absent"), "absent: the database does not exist");
}

TEST_F(Preprocess, LeavesTheOldStoreWhenItFails) {
  preprocess(options_);
  const std::string before = read_file(options_.output / "a.h5");
  write_wfdb_record(options_.database, random_record("a", 9, "N", 77));
  {
    const testing::FileSizeLimit full(3000);
    EXPECT_ERROR(preprocess(options_),
                 AllOf(HasSubstr("store.partial/"), HasSubstr("File too large")));
  }
  fs::resize_file(options_.database / "d.atr", 7);
  EXPECT_ERROR(preprocess(options_), "d.atr: truncated after 7 bytes");
  EXPECT_EQ(read_file(options_.output / "a.h5"), before);
  EXPECT_THAT(Store(options_.output).record_names(), ElementsAre("a", "b", "c", "d"));
  EXPECT_FALSE(fs::exists(folder_ / "store.partial"));
}

// In a process of its own: there is no way back from a signal that has arrived.
TEST_F(Preprocess, StopsWhenInterrupted) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const fs::path output = options_.output;
  const auto interrupted_run = [&] {
    install_interrupt_handlers();
    try {
      preprocess(options_, [](std::int64_t, std::int64_t) { std::raise(SIGTERM); });
    } catch (const Interrupted&) {
      std::exit(fs::exists(output) || fs::exists(folder_ / "store.partial") ? 3 : 42);
    }
    std::exit(1);
  };
  const testing::ThreadCount one(1);  // a second signal would end the process
  EXPECT_EXIT(interrupted_run(), ::testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace ekgine
