#include "data/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/option_error.h"
#include "data/random_stream.h"

namespace ekgine {

namespace {

// Streams of random words that no op of a training step uses (ops count up from 0).
constexpr std::uint32_t records_stream = 0xE000'0000;
constexpr std::uint32_t section_stream = 0xF000'0000;  // plus the section's number

struct Stretch {
  std::int64_t begin, end;  // sequences
};

// Cuts [begin, end) every `length` from `phase` on, 1 <= phase <= length. Pieces at the ends that
// are shorter than half a length join their neighbours.
void cut(std::int64_t begin, std::int64_t end, std::int64_t length, std::int64_t phase,
         std::vector<Stretch>& stretches) {
  const std::int64_t least = (length + 1) / 2;
  std::int64_t next = begin + phase;
  if (phase < least) next += length;
  while (begin < end) {
    if (end - next < least) next = end;
    stretches.push_back({begin, next});
    begin = next;
    next += length;
  }
}

// How many windows of `length` beats cover `positions` sequences (of one beat less than that more
// beats) from whatever phase.
std::int64_t windows_of(std::int64_t positions, std::int64_t length) {
  const std::int64_t beats = positions + length - 1;
  return positions == 1 ? 1 : (beats - 2) / length + 2;
}

// The pieces that a record's sequences are put in order by.
void cut_record(const SequenceIndex& index, std::int64_t record, const SamplerOptions& options,
                RandomStream& random, std::vector<Stretch>& pieces) {
  const std::int64_t begin = index.first_sequence(record), end = index.first_sequence(record + 1);
  if (options.shuffle == Shuffle::stretches) {
    cut(begin, end, options.stretch_length, 1 + random.below(options.stretch_length), pieces);
  } else if (options.shuffle == Shuffle::windows) {
    // The first and the last are moved to the record's ends.
    const std::int64_t phase = random.below(index.length());
    for (std::int64_t w = 0; w < windows_of(end - begin, index.length()); ++w) {
      const std::int64_t first = std::clamp(begin + w * index.length() - phase, begin, end - 1);
      pieces.push_back({first, first + 1});
    }
  } else if (!options.shares.empty()) {  // of which single sequences are drawn
    for (std::int64_t s = begin; s < end; ++s) pieces.push_back({s, s + 1});
  } else {
    pieces.push_back({begin, end});
  }
}

// Leaves of the pieces from `first` on what their share says. Of a piece that is one too long the
// front is left.
void take_share(double weight, std::size_t first, RandomStream& random,
                std::vector<Stretch>& pieces) {
  if (weight == 1) return;
  std::vector<Stretch> all(pieces.begin() + static_cast<std::ptrdiff_t>(first), pieces.end());
  pieces.resize(first);
  std::int64_t n = 0;
  for (const Stretch& piece : all) n += piece.end - piece.begin;
  std::int64_t left = visits(weight, n);
  for (; left >= n; left -= n) pieces.insert(pieces.end(), all.begin(), all.end());
  random.shuffle(all);
  for (auto piece = all.begin(); left > 0; ++piece) {
    const std::int64_t taken = std::min(left, piece->end - piece->begin);
    pieces.push_back({piece->begin, piece->begin + taken});
    left -= taken;
  }
}

}  // namespace

std::int64_t visits(double weight, std::int64_t sequences) {
  return std::llround(weight * static_cast<double>(sequences));
}

Sampler::Sampler(const SequenceIndex& index, SamplerOptions options)
    : index_(index), options_(options) {
  if (options.batch_size < 1) fail("batch size {}: expected 1 or more", options.batch_size);
  if (options.stretch_length < 1) {
    fail("stretch length {}: expected 1 or more", options.stretch_length);
  }
  if (options.stream_records < 1) {
    fail("streaming {} records at a time: expected 1 or more", options.stream_records);
  }
  switch (options.shuffle) {
    case Shuffle::none:
      section_records_ = 1;
      break;
    case Shuffle::full:
    case Shuffle::stretches:
    case Shuffle::windows:
      section_records_ = index.records();
      break;
    case Shuffle::stream:
      section_records_ = options.stream_records;
      break;
  }
  divide();
  start(0);
}

// Makes parts of the shares.
void Sampler::divide() {
  if (options_.shares.empty()) return;
  if (options_.shuffle == Shuffle::none || options_.shuffle == Shuffle::stream) {
    fail_option({"shuffle", "more-weights"}, "shuffle: {} gives every record the same weight",
                options_.shuffle == Shuffle::none ? "none" : "stream");
  }
  std::int64_t begin = 0;
  for (const auto& [records, weight] : options_.shares) {
    if (begin + records > index_.records()) fail("shares of more records than there are");
    parts_.push_back({begin, begin + records, weight});
    begin += records;
    const std::int64_t n = sequences_of(parts_.back());
    if (visits(weight, n) < 1) {
      fail_option({"more-weights"}, "a weight of {} takes none of {} sequences", weight, n);
    }
  }
  if (begin < index_.records()) parts_.push_back({begin, index_.records(), 1});
}

std::int64_t Sampler::sequences_of(const Part& part) const {
  if (options_.shuffle != Shuffle::windows) {
    return index_.first_sequence(part.end) - index_.first_sequence(part.begin);
  }
  std::int64_t windows = 0;
  for (std::int64_t r = part.begin; r < part.end; ++r) {
    windows += windows_of(index_.first_sequence(r + 1) - index_.first_sequence(r), index_.length());
  }
  return windows;
}

std::int64_t Sampler::sequences() const {
  if (parts_.empty()) return sequences_of({0, index_.records(), 1});
  std::int64_t all = 0;
  for (const Part& part : parts_) all += visits(part.weight, sequences_of(part));
  return all;
}

std::int64_t Sampler::batches() const {
  return (sequences() + options_.batch_size - 1) / options_.batch_size;
}

std::int64_t Sampler::max_distinct_beats() const {
  const std::int64_t batch = std::min(options_.batch_size, sequences());
  const std::int64_t overlap = index_.length() - 1;
  // A stretch of n consecutive sequences has n + T - 1 beats: the more stretches, the more beats.
  // The most that fit into a batch: the shortest there can be, one cut by the batch at either end.
  std::vector<std::int64_t> shortest;
  if (options_.shuffle == Shuffle::none || options_.shuffle == Shuffle::stretches) {
    const std::int64_t least = (options_.stretch_length + 1) / 2;
    const auto add = [&](const Part& part) {
      // What is drawn last may be cut to a single sequence.
      if (part.weight != 1) shortest.push_back(1);
      const auto times = static_cast<std::int64_t>(std::ceil(part.weight));
      for (std::int64_t r = part.begin; r < part.end; ++r) {
        const std::int64_t n = index_.first_sequence(r + 1) - index_.first_sequence(r);
        const bool whole = options_.shuffle == Shuffle::none || n < 2 * least;
        const std::int64_t count = std::min(times * (whole ? 1 : n / least), batch);
        shortest.insert(shortest.end(), static_cast<std::size_t>(count), whole ? n : least);
      }
    };
    if (parts_.empty()) add({0, index_.records(), 1});
    for (const Part& part : parts_) add(part);
    std::sort(shortest.begin(), shortest.end());
  } else {
    shortest.assign(static_cast<std::size_t>(batch), 1);
  }
  std::int64_t stretches = 0, taken = 0;
  for (const std::int64_t n : shortest) {
    if (taken >= batch) break;
    taken += n;
    ++stretches;
  }
  // Both ends of the batch may cut a stretch: one more than whole ones alone would make.
  stretches = std::min(stretches + 1, batch);
  return std::min(batch + stretches * overlap, index_.beats());
}

void Sampler::start(std::int64_t epoch, std::int64_t first_batch) {
  epoch_ = epoch;
  records_.resize(static_cast<std::size_t>(index_.records()));
  std::iota(records_.begin(), records_.end(), 0);
  if (options_.shuffle == Shuffle::stream) {
    RandomStream({options_.seed, static_cast<std::uint32_t>(epoch), records_stream})
        .shuffle(records_);
  }
  section_begin_ = section_end_ = 0;
  order_.clear();
  position_ = 0;
  std::int64_t skip = first_batch * options_.batch_size;
  for (enter_section(); !order_.empty() && skip >= std::ssize(order_); enter_section()) {
    skip -= std::ssize(order_);
  }
  position_ = static_cast<std::size_t>(std::min(skip, std::ssize(order_)));
}

// Puts the sequences of the next section in order; leaves nothing after the last section.
void Sampler::enter_section() {
  section_begin_ = section_end_;
  section_end_ = std::min(section_begin_ + section_records_, index_.records());
  order_.clear();
  position_ = 0;
  if (section_begin_ == section_end_) return;

  const auto section = static_cast<std::uint32_t>(section_begin_ / section_records_);
  RandomStream random(
      {options_.seed, static_cast<std::uint32_t>(epoch_), section_stream + section});
  std::vector<Stretch> stretches;
  if (parts_.empty()) {
    for (std::int64_t i = section_begin_; i < section_end_; ++i) {
      cut_record(index_, records_[static_cast<std::size_t>(i)], options_, random, stretches);
    }
  }
  for (const Part& part : parts_) {
    const std::size_t first = stretches.size();
    for (std::int64_t r = part.begin; r < part.end; ++r) {
      cut_record(index_, r, options_, random, stretches);
    }
    take_share(part.weight, first, random, stretches);
  }
  if (options_.shuffle == Shuffle::stretches || options_.shuffle == Shuffle::windows) {
    random.shuffle(stretches);
  }
  for (const Stretch& stretch : stretches) {
    for (std::int64_t s = stretch.begin; s < stretch.end; ++s) order_.push_back(s);
  }
  if (options_.shuffle == Shuffle::full || options_.shuffle == Shuffle::stream) {
    random.shuffle(order_);
  }
}

bool Sampler::next(std::vector<std::int64_t>& sequences) {
  sequences.clear();
  held_.clear();
  while (std::ssize(sequences) < options_.batch_size) {
    if (position_ == order_.size()) {
      enter_section();
      if (order_.empty()) break;
    }
    held_.insert(held_.end(), records_.begin() + section_begin_, records_.begin() + section_end_);
    const std::size_t count =
        std::min(order_.size() - position_,
                 static_cast<std::size_t>(options_.batch_size) - sequences.size());
    const auto from = order_.begin() + static_cast<std::ptrdiff_t>(position_);
    sequences.insert(sequences.end(), from, from + static_cast<std::ptrdiff_t>(count));
    position_ += count;
  }
  return !sequences.empty();
}

}  // namespace ekgine
