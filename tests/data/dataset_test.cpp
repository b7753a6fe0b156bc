#include "data/dataset.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>

#include "tests/support/beats.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using testing::random_records;
using testing::TemporaryDirectory;

TEST(SequenceIndex, NumbersBeatsAndSequences) {
  const std::int64_t beats[] = {5, 3, 4};
  const SequenceIndex index({"a", "b", "c"}, beats, 3);
  EXPECT_EQ(index.beats(), 12);
  EXPECT_EQ(index.sequences(), 3 + 1 + 2);
  std::vector<std::int64_t> records, firsts;
  for (std::int64_t s = 0; s < index.sequences(); ++s) {
    records.push_back(index.record_of_sequence(s));
    firsts.push_back(index.first_beat_of(s));
  }
  EXPECT_THAT(records, ElementsAre(0, 0, 0, 1, 2, 2));
  EXPECT_THAT(firsts, ElementsAre(0, 1, 2, 5, 8, 9));
  std::vector<std::int64_t> of_beats;
  for (std::int64_t b = 0; b < index.beats(); ++b) of_beats.push_back(index.record_of_beat(b));
  EXPECT_THAT(of_beats, ElementsAre(0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2));
  EXPECT_EQ(index.first_sequence(3), index.sequences());
}

// No sequence crosses records, all of a record are there, for any length.
TEST(SequenceIndex, NeverCrossesRecords) {
  testing::Random random(1);
  for (int round = 0; round < 100; ++round) {
    const std::int64_t length = random.integer(1, 9);
    std::vector<std::int64_t> beats;
    std::vector<std::string> names;
    for (std::int64_t r = random.integer(1, 6); r > 0; --r) {
      beats.push_back(random.integer(length, length + 20));
      names.push_back(std::to_string(r));
    }
    const SequenceIndex index(names, beats, length);
    std::int64_t expected = 0, s = 0;
    for (std::int64_t r = 0; r < index.records(); ++r) {
      const std::int64_t n = beats[static_cast<std::size_t>(r)];
      for (std::int64_t b = 0; b + length <= n; ++b, ++s) {
        ASSERT_EQ(index.record_of_sequence(s), r);
        ASSERT_EQ(index.first_beat_of(s), expected + b);
        ASSERT_EQ(index.record_of_beat(expected + b + length - 1), r);
      }
      expected += n;
    }
    ASSERT_EQ(s, index.sequences());
  }
}

TEST(SequenceIndex, NamesWhatIsWrong) {
  const std::int64_t beats[] = {5, 3};
  EXPECT_ERROR(SequenceIndex({"a", "b"}, beats, 4),
               "record b has 3 beats, too few for sequences of 4");
  EXPECT_ERROR(SequenceIndex({"a", "b"}, beats, 0), "sequences of 0 beats: expected 1 or more");
  EXPECT_ERROR(SequenceIndex({}, {}, 3), "a dataset needs at least one record");
  const std::int64_t many[] = {std::int64_t{1} << 31};
  EXPECT_ERROR(SequenceIndex({"a"}, many, 3), "a dataset of 2147483648 beats is too large");
}

TEST(MemoryDataset, HoldsBeatsOneRecordAfterAnother) {
  const TemporaryDirectory folder;
  const std::vector<RecordBeats> records = random_records({7, 3, 12});
  testing::write_test_store(folder / "store", records);
  const Store store(folder / "store");
  // Another order than the store's.
  MemoryDataset loaded(store, {"r2", "r0"}, 3);
  EXPECT_EQ(loaded.index().record_names(), (std::vector<std::string>{"r2", "r0"}));
  EXPECT_EQ(loaded.index().sequences(), 10 + 5);
  std::vector<float> beats = records[2].beats;
  beats.insert(beats.end(), records[0].beats.begin(), records[0].beats.end());
  EXPECT_TRUE(
      std::equal(beats.begin(), beats.end(), loaded.all_beats().begin(), loaded.all_beats().end()));
  const std::span<const float> second = loaded.beats(1);
  EXPECT_TRUE(
      std::equal(second.begin(), second.end(), records[0].beats.begin(), records[0].beats.end()));
  // The label of a sequence is its last beat's.
  ClassCounts counts{};
  for (std::int64_t s = 0; s < 10; ++s) {
    EXPECT_EQ(loaded.sequence_label(s), records[2].labels[static_cast<std::size_t>(s + 2)]);
  }
  for (std::int64_t s = 0; s < 5; ++s) {
    EXPECT_EQ(loaded.sequence_label(10 + s), records[0].labels[static_cast<std::size_t>(s + 2)]);
  }
  for (std::int64_t s = 0; s < 15; ++s) {
    ++counts[static_cast<std::size_t>(loaded.sequence_label(s))];
  }
  EXPECT_EQ(loaded.class_counts(), counts);
  EXPECT_ERROR(MemoryDataset(store, {"r0", "r9"}, 3), "record r9 is not in the store");
  EXPECT_ERROR(MemoryDataset(store, {"r0", "r1"}, 4), "record r1 has 3 beats, too few for");
}

TEST(StreamedDataset, HoldsWhatIsAskedForOnly) {
  const TemporaryDirectory folder;
  const std::vector<RecordBeats> records = random_records({7, 3, 12});
  testing::write_test_store(folder / "store", records);
  const Store store(folder / "store");
  const MemoryDataset memory(records, 3);
  StreamedDataset streamed(store, testing::names_of(records), 3);
  EXPECT_EQ(streamed.index().sequences(), memory.index().sequences());
  EXPECT_EQ(streamed.class_counts(), memory.class_counts());
  EXPECT_TRUE(std::equal(streamed.labels().begin(), streamed.labels().end(),
                         memory.labels().begin(), memory.labels().end()));
  for (std::int64_t r = 0; r < 3; ++r) EXPECT_TRUE(streamed.beats(r).empty());
  streamed.hold(std::array<std::int64_t, 2>{0, 2});
  EXPECT_TRUE(streamed.beats(1).empty());
  const float* kept = streamed.beats(2).data();
  streamed.hold(std::array<std::int64_t, 2>{2, 1});
  EXPECT_EQ(streamed.beats(2).data(), kept) << "not read again";
  EXPECT_TRUE(streamed.beats(0).empty());
  for (const std::int64_t r : {1, 2}) {
    const std::span<const float> beats = streamed.beats(r);
    EXPECT_TRUE(
        std::equal(beats.begin(), beats.end(), memory.beats(r).begin(), memory.beats(r).end()));
  }
  std::filesystem::remove(folder / "store/r0.h5");
  EXPECT_ERROR(streamed.hold(std::array<std::int64_t, 1>{0}), "r0.h5: does not exist");
}

// What time jitter adds back: the same from memory, from the store, and streamed.
TEST(Dataset, TellsTheTypicalBeatsOfItsRecords) {
  const TemporaryDirectory folder;
  std::vector<RecordBeats> records = random_records({7, 4, 12});
  testing::write_test_store(folder / "store", records);
  const std::vector<std::string> names = {"r2", "r0"};
  for (const BeatUnit unit : {BeatUnit::record, BeatUnit::deviation}) {
    std::vector<RecordBeats> measured = {records[2], records[0]};
    std::vector<float> expected;
    for (RecordBeats& record : measured) {
      measure_in(unit, record);
      expected.insert(expected.end(), record.typical.begin(), record.typical.end());
    }
    EXPECT_EQ(std::ssize(expected), unit == BeatUnit::deviation ? 2 * beat_samples : 0);
    const Store store(folder / "store", unit);
    EXPECT_EQ(MemoryDataset(measured, 3).typical_beats(), expected);
    EXPECT_EQ(MemoryDataset(store, names, 3).typical_beats(), expected);
    EXPECT_EQ(StreamedDataset(store, names, 3).typical_beats(), expected);
  }
}

TEST(MemoryDataset, IsOfOneUnit) {
  std::vector<RecordBeats> records = random_records({7, 5});
  EXPECT_EQ(MemoryDataset(records, 3).unit(), BeatUnit::millivolts);
  measure_in(BeatUnit::record, records[1]);
  EXPECT_ERROR(MemoryDataset(records, 3),
               "record r1: the beats' amplitude is record, that of record r0 is mV");
  measure_in(BeatUnit::record, records[0]);
  EXPECT_EQ(MemoryDataset(records, 3).unit(), BeatUnit::record);
}

TEST(RequireAllClasses, NamesAbsentClasses) {
  std::vector<RecordBeats> records = random_records({10, 5});
  for (RecordBeats& record : records) {
    for (std::size_t i = 0; i < record.labels.size(); ++i) {
      record.labels[i] = static_cast<std::int32_t>(i % 5);
    }
  }
  require_all_classes(MemoryDataset(records, 3), "training");
  for (RecordBeats& record : records) {
    for (std::int32_t& label : record.labels) label = label == 3 ? 0 : label;
  }
  EXPECT_ERROR(require_all_classes(MemoryDataset(records, 3), "training"),
               "class F has no sequence in the training records r0, r1");
  for (RecordBeats& record : records) {
    for (std::int32_t& label : record.labels) label = label == 1 ? 2 : label;
  }
  EXPECT_ERROR(require_all_classes(MemoryDataset(records, 3), "training"),
               "classes S, F have no sequence in the training records r0, r1");
  // A beat that is only ever the first of a sequence is no label.
  for (RecordBeats& record : records) record.labels.assign(record.labels.size(), 0);
  records[0].labels[1] = 3;
  EXPECT_ERROR(require_all_classes(MemoryDataset(records, 3), "training"),
               "classes S, V, F, Q have no sequence");
}

// Records of the same name are different ones.
TEST(MemoryDataset, HoldsOneStoreAfterAnother) {
  const TemporaryDirectory folder;
  const std::vector<RecordBeats> a = random_records({7, 4}), b = random_records({5}, 9);
  testing::write_test_store(folder / "a", a);
  testing::write_test_store(folder / "b", b);
  const Store store_a(folder / "a"), store_b(folder / "b");
  const std::vector<StoreRecords> parts = {{store_a, {"r1"}}, {store_b, {"r0"}}};
  const MemoryDataset loaded(parts, 3);
  EXPECT_EQ(loaded.index().record_names(), (std::vector<std::string>{"r1", "r0"}));
  EXPECT_EQ(loaded.index().sequences(), 2 + 3);
  std::vector<float> beats = a[1].beats;
  beats.insert(beats.end(), b[0].beats.begin(), b[0].beats.end());
  EXPECT_TRUE(
      std::equal(beats.begin(), beats.end(), loaded.all_beats().begin(), loaded.all_beats().end()));
  const Store centred(folder / "b", BeatUnit::centred);
  EXPECT_ERROR(MemoryDataset(std::vector<StoreRecords>{{store_a, {"r1"}}, {centred, {"r0"}}}, 3),
               "record r0: the beats' amplitude is centred, that of record r1 is mV");
}

}  // namespace
}  // namespace ekgine
