#include "data/loader.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <set>

#include "data/beat_unit.h"
#include "tests/support/beats.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using testing::random_records;
using testing::TemporaryDirectory;

// Copies of all batches from a start on.
std::vector<Batch> batches_of(Loader& loader, std::int64_t epoch, std::int64_t first = 0) {
  std::vector<Batch> batches;
  loader.start(epoch, first);
  while (const Batch* batch = loader.next()) batches.push_back(*batch);
  EXPECT_EQ(loader.next(), nullptr);
  return batches;
}

// Every sequence of a batch is that of the dataset, beat by beat.
void expect_right(const Batch& batch, const MemoryDataset& dataset, bool shared) {
  const std::int64_t length = dataset.index().length();
  EXPECT_EQ(batch.unit, dataset.unit());
  ASSERT_EQ(batch.index.size(), batch.labels.size() * static_cast<std::size_t>(length));
  ASSERT_EQ(batch.sequences.size(), batch.labels.size());
  ASSERT_EQ(batch.beats.size(), batch.beat_ids.size() * beat_samples);
  const std::set<std::int32_t> distinct(batch.beat_ids.begin(), batch.beat_ids.end());
  if (shared) {
    EXPECT_EQ(distinct.size(), batch.beat_ids.size());
    EXPECT_TRUE(std::is_sorted(batch.beat_ids.begin(), batch.beat_ids.end()));
  } else {
    EXPECT_EQ(batch.distinct_beats(), batch.size() * length);
  }
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const std::int64_t s = batch.sequences[static_cast<std::size_t>(i)];
    EXPECT_EQ(batch.labels[static_cast<std::size_t>(i)], dataset.sequence_label(s));
    for (std::int64_t t = 0; t < length; ++t) {
      const std::int32_t place = batch.index[static_cast<std::size_t>(i * length + t)];
      ASSERT_LT(place, batch.distinct_beats());
      if (!shared) {
        EXPECT_EQ(place, i * length + t);
      }
      const std::int64_t beat = dataset.index().first_beat_of(s) + t;
      EXPECT_EQ(batch.beat_ids[static_cast<std::size_t>(place)], beat);
      EXPECT_TRUE(std::equal(batch.beats.begin() + place * beat_samples,
                             batch.beats.begin() + (place + 1) * beat_samples,
                             dataset.all_beats().begin() + beat * beat_samples));
    }
  }
}

TEST(Loader, GivesTheSequencesOfTheDataset) {
  const TemporaryDirectory folder;
  const std::vector<RecordBeats> records = random_records({40, 3, 17, 60, 25});
  testing::write_test_store(folder / "store", records);
  const Store store(folder / "store", BeatUnit::centred);
  for (const std::int64_t length : {1, 3}) {
    MemoryDataset memory(store, testing::names_of(records), length);
    StreamedDataset streamed(store, testing::names_of(records), length);
    for (const Shuffle shuffle :
         {Shuffle::none, Shuffle::full, Shuffle::stretches, Shuffle::stream}) {
      for (const bool share : {true, false}) {
        const SamplerOptions options{.shuffle = shuffle,
                                     .batch_size = 16,
                                     .stretch_length = 5,
                                     .stream_records = 2,
                                     .seed = 7};
        std::vector<Batch> expected;
        for (Dataset* dataset :
             {static_cast<Dataset*>(&memory), static_cast<Dataset*>(&streamed)}) {
          Loader loader(*dataset, options, share);
          const std::vector<Batch> batches = batches_of(loader, 1);
          ASSERT_EQ(std::ssize(batches), loader.batches());
          for (std::size_t b = 0; b < batches.size(); ++b) {
            EXPECT_EQ(batches[b].number, static_cast<std::int64_t>(b));
            EXPECT_LE(batches[b].distinct_beats(), loader.max_beats());
            expect_right(batches[b], memory, share);
            if (dataset == &streamed) {
              EXPECT_EQ(batches[b].sequences, expected[b].sequences);
            }
          }
          expected = batches;
        }
      }
    }
  }
}

TEST(Loader, SharesBeatsOfRuns) {
  MemoryDataset dataset(random_records({100}), 3);
  Loader loader(dataset, {.shuffle = Shuffle::none, .batch_size = 10}, true);
  loader.start(0);
  const Batch* batch = loader.next();
  EXPECT_EQ(batch->size(), 10);
  EXPECT_EQ(batch->distinct_beats(), 12);
  EXPECT_EQ(loader.max_beats(), 14);  // a batch of one stretch; the bound allows for a cut
}

TEST(Loader, GoesOnFromAnyBatchAndStartsOver) {
  MemoryDataset dataset(random_records({40, 30, 17}), 3);
  Loader loader(dataset, {.shuffle = Shuffle::stretches, .batch_size = 8, .seed = 7}, true);
  EXPECT_EQ(loader.next(), nullptr) << "not started";
  const std::vector<Batch> whole = batches_of(loader, 4);
  for (std::int64_t first = 0; first <= loader.batches(); ++first) {
    const std::vector<Batch> rest = batches_of(loader, 4, first);
    ASSERT_EQ(std::ssize(rest), loader.batches() - first);
    for (std::size_t b = 0; b < rest.size(); ++b) {
      const Batch& same = whole[static_cast<std::size_t>(first) + b];
      EXPECT_EQ(rest[b].number, same.number);
      EXPECT_EQ(rest[b].sequences, same.sequences);
      EXPECT_EQ(rest[b].beats, same.beats);
      EXPECT_EQ(rest[b].index, same.index);
    }
  }
  // start() in the middle of things, at every pace.
  for (int round = 0; round < 200; ++round) {
    loader.start(round % 3);
    for (int b = 0; b < round % 4; ++b) ASSERT_NE(loader.next(), nullptr);
    if (round % 2 == 0) std::this_thread::yield();
  }
  const std::vector<Batch> again = batches_of(loader, 4);
  ASSERT_EQ(again.size(), whole.size());
  for (std::size_t b = 0; b < again.size(); ++b) EXPECT_EQ(again[b].beats, whole[b].beats);
}

// Once made, buffers stay where they are: a training run allocates nothing per batch.
TEST(Loader, ReusesItsBuffers) {
  MemoryDataset dataset(random_records({300, 200, 100}), 3);
  for (const Shuffle shuffle : {Shuffle::full, Shuffle::stretches}) {
    for (const bool share : {true, false}) {
      Loader loader(dataset, {.shuffle = shuffle, .batch_size = 32, .seed = 7}, share);
      std::set<const void*> places;
      for (std::int64_t epoch = 0; epoch < 5; ++epoch) {
        loader.start(epoch);
        while (const Batch* batch = loader.next()) {
          for (const void* place : {static_cast<const void*>(batch->beats.data()),
                                    static_cast<const void*>(batch->beat_ids.data()),
                                    static_cast<const void*>(batch->index.data()),
                                    static_cast<const void*>(batch->labels.data()),
                                    static_cast<const void*>(batch->sequences.data())}) {
            places.insert(place);
          }
        }
      }
      EXPECT_LE(places.size(), 4u * 5) << choice_name(shuffle);
    }
  }
}

TEST(Loader, PassesOnWhatGoesWrong) {
  const TemporaryDirectory folder;
  const std::vector<RecordBeats> records = random_records({40, 40, 40, 40});
  testing::write_test_store(folder / "store", records);
  StreamedDataset dataset(Store(folder / "store"), testing::names_of(records), 3);
  Loader loader(dataset, {.shuffle = Shuffle::none, .batch_size = 38}, true);
  std::filesystem::rename(folder / "store/r2.h5", folder / "r2.h5");
  loader.start(0);
  EXPECT_NE(loader.next(), nullptr);
  EXPECT_NE(loader.next(), nullptr);
  EXPECT_ERROR(loader.next(), "r2.h5: does not exist");
  EXPECT_ERROR(loader.next(), "r2.h5: does not exist");
  std::filesystem::rename(folder / "r2.h5", folder / "store/r2.h5");
  EXPECT_EQ(batches_of(loader, 0).size(), 4u) << "start() clears the failure";
}

TEST(Loader, StopsAtOnce) {
  MemoryDataset dataset(random_records({20000}), 3);
  const auto begin = std::chrono::steady_clock::now();
  for (int round = 0; round < 20; ++round) {
    Loader loader(dataset, {.shuffle = Shuffle::full, .batch_size = 128}, true);
    loader.start(round);
    if (round % 2 == 0) {
      EXPECT_NE(loader.next(), nullptr);
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(Loader, LabelsEveryBeatOfAWindow) {
  std::vector<RecordBeats> records = random_records({23, 9});
  for (RecordBeats& record : records) {
    record.features.resize(static_cast<std::size_t>(record.size() * beat_features));
    for (std::size_t i = 0; i < record.features.size(); ++i) {
      record.features[i] = static_cast<float>(i) + record.beats.front();
    }
    measure_in(BeatUnit::features, record);
  }
  MemoryDataset dataset(records, 4);
  Loader loader(dataset, {.shuffle = Shuffle::windows, .batch_size = 3, .seed = 2}, false);
  std::int64_t sequences = 0;
  for (const Batch& batch : batches_of(loader, 1)) {
    sequences += batch.size();
    EXPECT_EQ(batch.unit, BeatUnit::features);
    EXPECT_EQ(batch.distinct_beats(), 4 * batch.size());
    ASSERT_EQ(std::ssize(batch.labels), 4 * batch.size());
    ASSERT_EQ(std::ssize(batch.beats), 4 * batch.size() * beat_features);
    for (std::size_t i = 0; i < batch.labels.size(); ++i) {
      const auto beat = static_cast<std::size_t>(batch.beat_ids[i]);
      EXPECT_EQ(batch.labels[i], dataset.labels()[beat]);
      EXPECT_EQ(batch.beats[i * beat_features + 5], dataset.all_beats()[beat * beat_features + 5]);
    }
  }
  EXPECT_EQ(sequences, loader.sequences());
}

}  // namespace
}  // namespace ekgine
