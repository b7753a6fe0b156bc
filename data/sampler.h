// In which order an epoch visits the sequences of a dataset.
//
// Orders are pure functions of (seed, epoch): Fisher-Yates on Philox words, the same on every
// machine and for any number of threads. An epoch is cut into batches of exactly B sequences; the
// last may be smaller. Records may have shares of it (Share). Five ways:
//
//   none       as they stand: for evaluation
//   full       a random permutation of all sequences
//   stretches  stretches of about L consecutive sequences, permuted. Neighbours share beats, so a
//              batch of stretches holds fewer distinct beats than B·T, at the price of mixing
//              patients less. Every record is cut every L sequences from a random phase of its own;
//              what would be shorter than L/2 at its ends joins the stretch beside it. So stretches
//              are L/2 to 2L long, except in records that are shorter themselves.
//   windows    for models that label every beat: sequences that overlap as little as they can.
//   Every
//              record is cut every T beats, from a random phase of its own; a first and a last
//              sequence lie at its ends. The windows are permuted.
//   stream     for stores larger than memory: the records are permuted and taken K at a time, and
//              the sequences of these K are permuted. At most 2K records are needed at any time.
#pragma once

#include <cstdint>
#include <vector>

#include "base/choice.h"
#include "data/dataset.h"

namespace ekgine {

enum class Shuffle { none, full, stretches, stream, windows };

// Those that a run may ask for; the model asks for windows.
constexpr auto choices_of(Shuffle) {
  using enum Shuffle;
  return std::to_array<Choice<Shuffle>>(
      {{stretches, "stretches"}, {full, "full"}, {stream, "stream"}});
}

// Files of before 2026-12 have them.
constexpr auto older_names_of(Shuffle) {
  return std::to_array<Choice<Shuffle>>({{Shuffle::stretches, "runs"}});
}

// How often an epoch visits the n sequences of consecutive records: round(weight·n) of them, every
// one as often as the whole part of the weight says, and for the rest pieces (windows, stretches or
// sequences) that are drawn anew for each epoch, none twice. So 0.5 is half of them, other ones in
// each epoch, and 2 each twice; the number is the same in every epoch.
struct Share {
  std::int64_t records = 0;
  double weight = 1;
};

// round(weight·n).
std::int64_t visits(double weight, std::int64_t sequences);

struct SamplerOptions {
  Shuffle shuffle = Shuffle::full;
  std::int64_t batch_size = 128;     // B
  std::int64_t stretch_length = 16;  // L, of `stretches`
  std::int64_t stream_records = 8;   // K, of `stream`
  std::uint64_t seed = 0;
  // Of the first records, of those after them, and so on; what is left has weight 1.
  std::vector<Share> shares = {};
};

class Sampler {
 public:
  // Errors: a batch size, stretch length or number of records below 1; shares of more records than
  // there are, of none of the sequences, or with Shuffle::none or stream.
  Sampler(const SequenceIndex& index, SamplerOptions options);

  const SamplerOptions& options() const { return options_; }
  // Of an epoch.
  std::int64_t sequences() const;
  std::int64_t batches() const;

  // Upper bound of the distinct beats in any batch of any epoch.
  std::int64_t max_distinct_beats() const;

  // Goes to a batch of an epoch.
  void start(std::int64_t epoch, std::int64_t first_batch = 0);

  // The sequences of the next batch; false at the end of the epoch (and `sequences` is empty).
  bool next(std::vector<std::int64_t>& sequences);

  // Records that the last batch and later ones of its section may touch; see Dataset::hold.
  const std::vector<std::int64_t>& records_held() const { return held_; }

 private:
  // Records [begin, end), which share their weight.
  struct Part {
    std::int64_t begin, end;
    double weight;
  };
  void divide();
  // Those of the part, each once.
  std::int64_t sequences_of(const Part& part) const;
  void enter_section();

  SequenceIndex index_;
  SamplerOptions options_;
  std::vector<Part> parts_;  // all records, in their order; empty where there are no shares
  std::int64_t epoch_ = 0;
  // The records in the order of the epoch. A section is some of them, one after another, whose
  // sequences are put in order together: all, `stream_records` or, without shuffling, one.
  std::vector<std::int64_t> records_;
  std::int64_t section_records_ = 1;
  std::int64_t section_begin_ = 0, section_end_ = 0;  // in records_
  std::vector<std::int64_t> order_;                   // of the section's sequences
  std::size_t position_ = 0;                          // in order_
  std::vector<std::int64_t> held_;
};

}  // namespace ekgine
