#include "data/loader.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace ekgine {

namespace {

constexpr int buffers = 4;  // one with the consumer, one being made, two waiting

std::unique_ptr<Batch> take_first(std::vector<std::unique_ptr<Batch>>& batches) {
  std::unique_ptr<Batch> first = std::move(batches.front());
  batches.erase(batches.begin());
  return first;
}

}  // namespace

Loader::Loader(Dataset& dataset, SamplerOptions options, bool share_beats)
    : dataset_(dataset),
      sampler_(dataset.index(), options),
      share_beats_(share_beats),
      label_all_(options.shuffle == Shuffle::windows),
      max_beats_(share_beats ? sampler_.max_distinct_beats()
                             : std::min(options.batch_size, sampler_.sequences()) *
                                   dataset.index().length()) {
  const auto size = static_cast<std::size_t>(std::min(options.batch_size, sampler_.sequences()));
  const auto used = size * static_cast<std::size_t>(dataset.index().length());
  free_.reserve(buffers);
  ready_.reserve(buffers);
  for (int i = 0; i < buffers; ++i) {
    auto batch = std::make_unique<Batch>();
    batch->beats.reserve(static_cast<std::size_t>(max_beats_ * row_width(dataset.unit())));
    batch->beat_ids.reserve(used);  // before duplicates are removed
    batch->index.reserve(used);
    batch->labels.reserve(label_all_ ? used : size);
    batch->sequences.reserve(size);
    free_.push_back(std::move(batch));
  }
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error& error) {
    fail("cannot start the thread that makes batches: {}", error.code().message());
  }
}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_worker_.notify_all();
  thread_.join();
}

void Loader::start(std::int64_t epoch, std::int64_t first_batch) {
  {
    const std::lock_guard lock(mutex_);
    ++generation_;
    epoch_ = epoch;
    first_batch_ = first_batch;
    ended_ = false;
    failure_ = nullptr;
    while (!ready_.empty()) free_.push_back(take_first(ready_));
    if (current_) free_.push_back(std::move(current_));
  }
  wake_worker_.notify_all();
}

const Batch* Loader::next() {
  std::unique_lock lock(mutex_);
  if (current_) {
    free_.push_back(std::move(current_));
    wake_worker_.notify_all();
  }
  wake_consumer_.wait(lock, [this] { return !ready_.empty() || ended_; });
  if (!ready_.empty()) {
    current_ = take_first(ready_);
    return current_.get();
  }
  if (failure_) std::rethrow_exception(failure_);
  return nullptr;
}

void Loader::work() {
  std::int64_t generation = 0;
  std::int64_t number = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_worker_.wait(
        lock, [&] { return stop_ || generation != generation_ || (!ended_ && !free_.empty()); });
    if (stop_) return;
    const bool restart = generation != generation_;
    if (restart) {
      generation = generation_;
      number = first_batch_;
      // The buffer that was being made is free again by now, so there is one.
    }
    const std::int64_t epoch = epoch_;
    std::unique_ptr<Batch> batch = take_first(free_);
    lock.unlock();

    bool made = false;
    std::exception_ptr failure;
    try {
      if (restart) sampler_.start(epoch, number);
      made = sampler_.next(batch->sequences);
      if (made) fill(*batch);
      batch->number = number++;
    } catch (...) {
      failure = std::current_exception();
    }

    lock.lock();
    if (generation != generation_) {  // start() was called meanwhile
      free_.push_back(std::move(batch));
      continue;
    }
    if (made && !failure) {
      ready_.push_back(std::move(batch));
    } else {
      free_.push_back(std::move(batch));
      failure_ = failure;
      ended_ = true;
    }
    wake_consumer_.notify_all();
  }
}

void Loader::fill(Batch& batch) {
  dataset_.hold(sampler_.records_held());
  const SequenceIndex& sequences = dataset_.index();
  const std::int64_t length = sequences.length();

  batch.beat_ids.clear();
  batch.labels.clear();
  for (const std::int64_t s : batch.sequences) {
    const std::int64_t first = sequences.first_beat_of(s);
    for (std::int64_t b = first; b < first + length; ++b) {
      batch.beat_ids.push_back(static_cast<std::int32_t>(b));
    }
    const std::span<const std::int32_t> labels = dataset_.labels().subspan(
        static_cast<std::size_t>(first), static_cast<std::size_t>(length));
    batch.labels.insert(batch.labels.end(), label_all_ ? labels.begin() : labels.end() - 1,
                        labels.end());
  }

  batch.index.resize(batch.beat_ids.size());
  if (share_beats_) {
    // index holds the beats' numbers until their places are known.
    batch.index = batch.beat_ids;
    std::sort(batch.beat_ids.begin(), batch.beat_ids.end());
    batch.beat_ids.erase(std::unique(batch.beat_ids.begin(), batch.beat_ids.end()),
                         batch.beat_ids.end());
    for (std::int32_t& place : batch.index) {
      place = static_cast<std::int32_t>(
          std::lower_bound(batch.beat_ids.begin(), batch.beat_ids.end(), place) -
          batch.beat_ids.begin());
    }
  } else {
    for (std::size_t i = 0; i < batch.index.size(); ++i) {
      batch.index[i] = static_cast<std::int32_t>(i);
    }
  }

  batch.unit = dataset_.unit();
  const std::int64_t width = row_width(batch.unit);
  batch.beats.resize(batch.beat_ids.size() * static_cast<std::size_t>(width));
  float* beat = batch.beats.data();
  for (const std::int64_t id : batch.beat_ids) {
    const std::int64_t record = sequences.record_of_beat(id);
    const float* from = dataset_.beats(record).data() + (id - sequences.first_beat(record)) * width;
    beat = std::copy_n(from, width, beat);
  }
}

}  // namespace ekgine
