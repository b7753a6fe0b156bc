// Batches, made ahead of time by a thread in the background.
//
//   Loader loader(dataset, {.shuffle = Shuffle::stretches, .seed = 7}, /*share_beats=*/true);
//   loader.start(epoch);
//   while (const Batch* batch = loader.next()) { ... }
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "data/dataset.h"
#include "data/sampler.h"

namespace ekgine {

// B sequences of T beats each, of which U are distinct, and L labels for each: 1, or T.
struct Batch {
  std::vector<float> beats;              // (U, row_width(unit))
  BeatUnit unit = BeatUnit::millivolts;  // the dataset's
  std::vector<std::int32_t> beat_ids;    // (U) their numbers in the dataset
  std::vector<std::int32_t> index;       // (B, T) which of the U beats
  std::vector<std::int32_t> labels;      // (B, L)
  std::vector<std::int64_t> sequences;   // (B) their numbers in the dataset
  std::int64_t number = 0;               // of the batch in its epoch, from 0

  std::int64_t size() const { return std::ssize(sequences); }           // B
  std::int64_t distinct_beats() const { return std::ssize(beat_ids); }  // U
};

class Loader {
 public:
  // With `share_beats` a beat that several sequences of a batch have in common stands in it once,
  // in ascending order of its number; without, U = B·T and index counts up: every sequence brings
  // its own. With Shuffle::windows every beat of a sequence is labelled, otherwise the last. The
  // dataset must outlive the loader and belongs to it from start() to the end of the
  // epoch.
  Loader(Dataset& dataset, SamplerOptions options, bool share_beats);
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  // Stops at once; batches not yet taken are lost.
  ~Loader();

  // Of an epoch.
  std::int64_t batches() const { return sampler_.batches(); }
  std::int64_t sequences() const { return sampler_.sequences(); }
  // Upper bound of U in any batch, for those who reserve memory once.
  std::int64_t max_beats() const { return max_beats_; }

  // Goes to a batch of an epoch (a resumed run starts in the middle). The batch that next() gave
  // becomes invalid.
  void start(std::int64_t epoch, std::int64_t first_batch = 0);

  // The next batch, valid until the next call of next() or start(); null at the end of the epoch.
  // Rethrows what went wrong in the background, such as an unreadable store.
  const Batch* next();

 private:
  void work();
  void fill(Batch& batch);

  Dataset& dataset_;
  Sampler sampler_;  // used by the thread after construction; its constants by all
  bool share_beats_, label_all_;
  std::int64_t max_beats_;

  std::mutex mutex_;
  std::condition_variable wake_worker_, wake_consumer_;
  std::vector<std::unique_ptr<Batch>> free_, ready_;  // with room for all: none ever allocates
  std::unique_ptr<Batch> current_;
  std::int64_t generation_ = 0;  // counts start()
  std::int64_t epoch_ = 0, first_batch_ = 0;
  bool ended_ = true;  // the thread has made the last batch of the epoch, or failed
  std::exception_ptr failure_;
  bool stop_ = false;

  std::thread thread_;
};

}  // namespace ekgine
