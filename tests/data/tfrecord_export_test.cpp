#include "data/tfrecord_export.h"

#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <cstring>

#include "base/atomic_file.h"
#include "base/interrupt.h"
#include "data/scalogram.h"
#include "kernels/runtime/reserved_workspace.h"
#include "tests/support/beats.h"
#include "tests/support/event_reader.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/thread_count.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::ReadExample;
using testing::TemporaryDirectory;
using testing::write_bytes;

std::vector<float> scalograms_of(const RecordBeats& record) {
  ReservedWorkspace workspace(std::size_t{1} << 30);
  std::vector<float> scalograms(static_cast<std::size_t>(record.size() * scalogram_size));
  compute_scalograms({workspace}, record.beats, scalograms);
  return scalograms;
}

template <class T>
std::vector<T> array_of(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

// The file holds every sequence of T beats once, in order, in Examples of 256 and a last one of
// what is left; no value of the scalograms is further away than `tolerance`.
void expect_sequences(const fs::path& path, const std::vector<std::int32_t>& labels,
                      const std::vector<float>& scalograms, std::int64_t length, float tolerance) {
  const std::int64_t sequences = std::ssize(labels) - length + 1;
  std::int64_t first = 0;
  for (const std::string& record : testing::read_tfrecords(read_file(path))) {
    const ReadExample example = testing::read_example(record);
    ASSERT_EQ(example.integers.size(), 4u);
    ASSERT_EQ(example.bytes.size(), 2u);
    const std::int64_t count = std::min<std::int64_t>(256, sequences - first);
    EXPECT_THAT(example.integers.at("num_in_batch"), ElementsAre(count));
    EXPECT_THAT(example.integers.at("sequence_len"), ElementsAre(length));
    EXPECT_THAT(example.integers.at("height"), ElementsAre(32));
    EXPECT_THAT(example.integers.at("width"), ElementsAre(187));
    ASSERT_EQ(example.bytes.at("sequences_raw").size(), 1u);
    ASSERT_EQ(example.bytes.at("labels_raw").size(), 1u);
    const auto values = array_of<float>(example.bytes.at("sequences_raw")[0]);
    const auto last = array_of<std::int32_t>(example.bytes.at("labels_raw")[0]);
    constexpr std::int64_t beat = 32 * 187;
    ASSERT_EQ(std::ssize(values), count * length * beat);
    ASSERT_EQ(std::ssize(last), count);
    float worst = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      EXPECT_EQ(last[i], labels[first + i + length - 1]) << "sequence " << first + i;
      const float* found = values.data() + i * length * beat;
      const float* expected = scalograms.data() + (first + i) * beat;
      for (std::int64_t v = 0; v < length * beat; ++v) {
        worst = std::max(worst, std::abs(found[v] - expected[v]));
      }
    }
    EXPECT_LE(worst, tolerance) << "sequences from " << first << " on";
    first += count;
  }
  EXPECT_EQ(first, sequences);
}

class TfRecordExport : public ::testing::Test {
 protected:
  TfRecordExport() { testing::write_test_store(folder_ / "store", records_); }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(options_.output)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  fs::path file(const std::string& record) const {
    return options_.output / (record + ".tfrecord");
  }

  TemporaryDirectory folder_;
  // Of three beats: exactly 256 sequences, 257, and one.
  const std::vector<RecordBeats> records_ = testing::random_records({258, 259, 3});
  TfRecordOptions options_{folder_ / "a/tfrecord", {}, 3};
};

TEST_F(TfRecordExport, HoldsEverySequence) {
  std::int64_t calls = 0;
  const TfRecordSummary summary = export_tfrecords(Store(folder_ / "store"), options_,
                                                   [&](std::int64_t done, std::int64_t total) {
                                                     ++calls;
                                                     EXPECT_EQ(total, 256 + 257 + 1);
                                                     EXPECT_LE(done, total);
                                                   });
  EXPECT_EQ(calls, 1 + 2 + 1);
  EXPECT_EQ(summary.records, 3);
  EXPECT_EQ(summary.sequences, 256 + 257 + 1);
  EXPECT_THAT(files(), ElementsAre("r0.tfrecord", "r1.tfrecord", "r2.tfrecord"));
  for (const RecordBeats& record : records_) {
    SCOPED_TRACE(record.name);
    // Beats are transformed some at a time here, all at once there: roundings differ.
    expect_sequences(file(record.name), record.labels, scalograms_of(record), 3, 1e-5F);
  }
}

// A store of others may name its records as it likes.
TEST_F(TfRecordExport, StaysInItsFolder) {
  const auto write_store = [&](const std::string& name) {
    StoreWriter writer(folder_ / "store");
    StoreInfo info = Store(folder_ / "store").info();
    info.records.resize(1);
    RecordBeats record = records_[0];
    record.name = info.records[0].name = name;
    writer.add(record);
    writer.commit(info);
  };
  write_store("p1/a");
  export_tfrecords(Store(folder_ / "store"), options_);
  EXPECT_THAT(files(), ElementsAre("p1%2Fa.tfrecord"));
  write_store("../evil");
  EXPECT_ERROR(Store(folder_ / "store"),
               "store.json: '../evil' is no name of a record, expected one inside the database");
}

TEST_F(TfRecordExport, TakesAnyLength) {
  const Store store(folder_ / "store");
  options_.records = {"r1"};
  for (const std::int64_t length : {1, 2, 20, 259}) {
    SCOPED_TRACE(length);
    options_.sequence_length = length;
    EXPECT_EQ(export_tfrecords(store, options_).sequences, 260 - length);
    expect_sequences(file("r1"), records_[1].labels, scalograms_of(records_[1]), length, 1e-5F);
  }
  EXPECT_THAT(files(), ElementsAre("r1.tfrecord"));
}

// The store's own, bit for bit: here some that no beats have.
TEST_F(TfRecordExport, TakesTheScalogramsOfTheStore) {
  std::vector<std::vector<float>> scalograms;
  testing::Random random(5);
  {
    StoreWriter writer(folder_ / "store");
    StoreInfo info = Store(folder_ / "store").info();
    info.scalograms = true;
    for (const RecordBeats& record : records_) {
      auto& values = scalograms.emplace_back(record.size() * scalogram_size);
      for (float& value : values) value = static_cast<float>(random.uniform());
      writer.add(record, values);
    }
    writer.commit(info);
  }
  export_tfrecords(Store(folder_ / "store"), options_);
  for (std::size_t i = 0; i < records_.size(); ++i) {
    SCOPED_TRACE(records_[i].name);
    expect_sequences(file(records_[i].name), records_[i].labels, scalograms[i], 3, 0);
  }
}

TEST_F(TfRecordExport, GivesTheSameBytesOnAnyNumberOfThreads) {
  std::vector<std::string> content[2];
  for (const int threads : {1, 3}) {
    const testing::ThreadCount count(threads);
    export_tfrecords(Store(folder_ / "store"), options_);
    for (const std::string& name : files()) {
      content[threads == 3].push_back(read_file(options_.output / name));
    }
  }
  EXPECT_TRUE(content[0] == content[1]);
}

TEST_F(TfRecordExport, RefusesBeforeAnythingIsWritten) {
  const Store store(folder_ / "store");
  const auto refuses = [&](std::int64_t length, const std::vector<std::string>& records,
                           const std::string& expected) {
    options_.sequence_length = length;
    options_.records = records;
    EXPECT_ERROR(export_tfrecords(store, options_), expected);
    EXPECT_FALSE(fs::exists(folder_ / "a"));
  };
  refuses(4, {}, "record r2 has 3 beats, too few for sequences of 4");
  refuses(0, {}, "sequences must have 1 to 350 beats, got 0");
  refuses(351, {}, "sequences must have 1 to 350 beats, got 351");
  refuses(3, {"r0", "x", "y"}, "records x, y are not in the store, which has r0, r1, r2");
  refuses(3, {"r0", "r1", "r0"}, "record r0 is named twice");
  write_bytes(folder_ / "a", "");
  options_.records = {};
  EXPECT_ERROR(export_tfrecords(store, options_), "cannot create the folder");
}

// Nothing of an export that fails is seen: neither the record that fails nor those before it.
TEST_F(TfRecordExport, LeavesTheOldFilesWhenItFails) {
  const Store store(folder_ / "store");
  fs::create_directories(options_.output);
  for (const char* record : {"r0", "r2"}) write_bytes(file(record), "old");
  const auto untouched = [&] {
    EXPECT_THAT(files(), ElementsAre("r0.tfrecord", "r2.tfrecord"));
    for (const char* record : {"r0", "r2"}) EXPECT_EQ(read_file(file(record)), "old");
  };
  options_.records = {"r2", "r1", "r0"};
  {
    const testing::FileSizeLimit full(100'000);  // a sequence fits
    EXPECT_ERROR(export_tfrecords(store, options_),
                 file("r1").string() + ": cannot write: File too large");
  }
  untouched();
  const std::string whole = read_file(folder_ / "store/r0.h5");
  write_bytes(folder_ / "store/r0.h5", whole.substr(0, whole.size() / 2));
  EXPECT_ERROR(export_tfrecords(store, options_), "r0.h5");
  untouched();
  write_bytes(folder_ / "store/r0.h5", whole);
  export_tfrecords(store, options_);
  EXPECT_THAT(files(), ElementsAre("r0.tfrecord", "r1.tfrecord", "r2.tfrecord"));
}

// In a process of its own: there is no way back from a signal that has arrived.
TEST_F(TfRecordExport, StopsWhenInterrupted) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  options_.records = {"r1"};  // whose second Example is not begun
  const auto interrupted_run = [&] {
    install_interrupt_handlers();
    try {
      export_tfrecords(Store(folder_ / "store"), options_,
                       [](std::int64_t, std::int64_t) { std::raise(SIGTERM); });
    } catch (const Interrupted&) {
      std::exit(fs::exists(folder_ / "a") ? 3 : 42);
    }
    std::exit(1);
  };
  const testing::ThreadCount one(1);  // a second signal would end the process
  EXPECT_EXIT(interrupted_run(), ::testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace ekgine
