// The beats that a run reads, and the sequences of consecutive beats they form.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/beats.h"
#include "data/moments.h"
#include "data/store.h"

namespace ekgine {

// Which beats follow each other. The beats of all records stand one record after another, in time
// order, and are numbered from 0; so are the sequences: T consecutive beats of one record, stride
// one. No sequence is stored; it is the number of its first beat.
class SequenceIndex {
 public:
  // Errors: no records; T < 1; a record with fewer than T beats.
  SequenceIndex(std::vector<std::string> records, std::span<const std::int64_t> beats_per_record,
                std::int64_t length);

  std::int64_t length() const { return length_; }  // T
  const std::vector<std::string>& record_names() const { return names_; }
  std::int64_t records() const { return std::ssize(names_); }
  std::int64_t beats() const { return beat_offsets_.back(); }
  std::int64_t sequences() const { return beats() - records() * (length_ - 1); }

  // Of record r: its beats are [first_beat(r), first_beat(r + 1)), and so on; r = records() is one
  // past the end.
  std::int64_t first_beat(std::int64_t record) const {
    return beat_offsets_[static_cast<std::size_t>(record)];
  }
  std::int64_t first_sequence(std::int64_t record) const {
    return first_beat(record) - record * (length_ - 1);
  }
  std::int64_t record_of_beat(std::int64_t beat) const;
  std::int64_t record_of_sequence(std::int64_t sequence) const;
  // Beats of sequence s: [first_beat_of(s), first_beat_of(s) + T).
  std::int64_t first_beat_of(std::int64_t sequence) const {
    return sequence + record_of_sequence(sequence) * (length_ - 1);
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::int64_t> beat_offsets_;  // records + 1
  std::int64_t length_;
};

// Beats, all in one unit, labels and sequences of chosen records. Labels are in memory; where the
// beats are is for the derived class to say. Not for use by several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;

  const SequenceIndex& index() const { return index_; }
  BeatUnit unit() const { return unit_; }                           // of the beats
  std::span<const std::int32_t> labels() const { return labels_; }  // per beat
  // The label of a sequence is its last beat's.
  std::int32_t sequence_label(std::int64_t sequence) const {
    return labels_[static_cast<std::size_t>(index_.first_beat_of(sequence) + index_.length() - 1)];
  }
  // Sequences per class.
  const ClassCounts& class_counts() const { return class_counts_; }

  // Of the scalograms of a record's beats, where the store keeps them.
  const std::optional<Moments>& known_moments(std::int64_t record) const {
    return moments_[static_cast<std::size_t>(record)];
  }

  // Says that until the next call only beats of these records are asked for.
  virtual void hold(std::span<const std::int64_t> records) = 0;
  // (n, row_width(unit())): all beats of a record that is held.
  virtual std::span<const float> beats(std::int64_t record) const = 0;

  // (records, 187) what was subtracted from the beats of each record; empty but in the unit
  // `deviation`.
  virtual std::vector<float> typical_beats() const = 0;

 protected:
  // `moments`: of every record, or empty where none is known.
  Dataset(SequenceIndex index, BeatUnit unit, std::vector<std::int32_t> labels,
          std::vector<std::optional<Moments>> moments);

 private:
  SequenceIndex index_;
  BeatUnit unit_;
  std::vector<std::int32_t> labels_;
  std::vector<std::optional<Moments>> moments_;  // per record
  ClassCounts class_counts_{};
};

// Some records of a store.
struct StoreRecords {
  const Store& store;
  std::vector<std::string> names;
};

// All beats in memory, contiguous: samples are about 750 bytes each, 82 MB for the whole of
// MIT-BIH.
class MemoryDataset final : public Dataset {
 public:
  // Loads `records` of the store, in that order. Errors: see Store and SequenceIndex.
  MemoryDataset(const Store& store, const std::vector<std::string>& records, std::int64_t length);
  // Those of one store after another. Errors: also where the stores' units differ.
  MemoryDataset(std::span<const StoreRecords> parts, std::int64_t length);
  // Beats that are already here. Errors: SequenceIndex's; their units differ.
  MemoryDataset(std::span<const RecordBeats> records, std::int64_t length);

  void hold(std::span<const std::int64_t>) override {}
  std::span<const float> beats(std::int64_t record) const override;
  std::vector<float> typical_beats() const override { return typical_; }
  std::span<const float> all_beats() const { return beats_; }  // (n, row_width(unit()))

 private:
  struct Content;
  explicit MemoryDataset(Content content, std::int64_t length);

  std::vector<float> beats_, typical_;
};

// Beats of the held records only, read from the store when they are asked for first: bounded memory
// whatever the size of the store.
class StreamedDataset final : public Dataset {
 public:
  StreamedDataset(const Store& store, const std::vector<std::string>& records, std::int64_t length);

  void hold(std::span<const std::int64_t> records) override;
  std::span<const float> beats(std::int64_t record) const override;
  std::vector<float> typical_beats() const override;  // reads all records, one after another

 private:
  struct Heads;  // labels and moments of the records
  StreamedDataset(const Store& store, const std::vector<std::string>& records, std::int64_t length,
                  Heads heads);

  Store store_;
  std::vector<std::vector<float>> beats_;  // per record; empty: not held
};

// Fails when a class has no sequence in `dataset`: no model learns what it never sees. `role` says
// what the dataset is for: "training".
void require_all_classes(const Dataset& dataset, const std::string& role);

}  // namespace ekgine
