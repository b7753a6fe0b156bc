#include "data/dataset.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"

namespace ekgine {

SequenceIndex::SequenceIndex(std::vector<std::string> records,
                             std::span<const std::int64_t> beats_per_record, std::int64_t length)
    : names_(std::move(records)), beat_offsets_{0}, length_(length) {
  if (length < 1) fail("sequences of {} beats: expected 1 or more", length);
  if (names_.empty()) fail("a dataset needs at least one record");
  for (std::size_t r = 0; r < names_.size(); ++r) {
    if (beats_per_record[r] < length) {
      fail("record {} has {} beats, too few for sequences of {}", names_[r], beats_per_record[r],
           length);
    }
    beat_offsets_.push_back(beat_offsets_.back() + beats_per_record[r]);
  }
  if (beats() > std::numeric_limits<std::int32_t>::max()) {
    fail("a dataset of {} beats is too large (2^31 - 1 fit)", beats());
  }
}

std::int64_t SequenceIndex::record_of_beat(std::int64_t beat) const {
  return std::upper_bound(beat_offsets_.begin() + 1, beat_offsets_.end(), beat) -
         beat_offsets_.begin() - 1;
}

std::int64_t SequenceIndex::record_of_sequence(std::int64_t sequence) const {
  std::int64_t low = 0, high = records();  // first_sequence(low) <= sequence < first_sequence(high)
  while (high - low > 1) {
    const std::int64_t middle = (low + high) / 2;
    (first_sequence(middle) <= sequence ? low : high) = middle;
  }
  return low;
}

Dataset::Dataset(SequenceIndex index, BeatUnit unit, std::vector<std::int32_t> labels,
                 std::vector<std::optional<Moments>> moments)
    : index_(std::move(index)),
      unit_(unit),
      labels_(std::move(labels)),
      moments_(std::move(moments)) {
  moments_.resize(static_cast<std::size_t>(index_.records()));
  for (std::int64_t r = 0; r < index_.records(); ++r) {
    for (std::int64_t b = index_.first_beat(r) + index_.length() - 1; b < index_.first_beat(r + 1);
         ++b) {
      ++class_counts_[static_cast<std::size_t>(labels_[static_cast<std::size_t>(b)])];
    }
  }
}

struct MemoryDataset::Content {
  std::vector<std::string> names;
  std::vector<std::int64_t> counts;
  std::vector<float> beats, typical;
  BeatUnit unit = BeatUnit::millivolts;
  std::vector<std::int32_t> labels;
  std::vector<std::optional<Moments>> moments;

  void reserve(std::int64_t total, BeatUnit of) {
    beats.reserve(static_cast<std::size_t>(total * row_width(of)));
    labels.reserve(static_cast<std::size_t>(total));
  }

  void append(const RecordBeats& record) {
    if (names.empty()) unit = record.unit;
    if (record.unit != unit) {
      fail("record {}: the beats' amplitude is {}, that of record {} is {}", record.name,
           beat_unit_name(record.unit), names.front(), beat_unit_name(unit));
    }
    names.push_back(record.name);
    counts.push_back(record.size());
    beats.insert(beats.end(), record.beats.begin(), record.beats.end());
    typical.insert(typical.end(), record.typical.begin(), record.typical.end());
    labels.insert(labels.end(), record.labels.begin(), record.labels.end());
  }

  static Content load(std::span<const StoreRecords> parts) {
    Content content;
    std::int64_t total = 0, bytes = 0;
    for (const auto& [store, names] : parts) {
      for (const StoreRecord& entry : store.find(names)) {
        total += entry.beats();
        bytes += store.file_bytes(entry.name);
      }
    }
    // What is there bounds what is claimed.
    content.reserve(std::min(total, bytes / std::int64_t{beat_samples * sizeof(float)}),
                    parts.front().store.unit());
    for (const auto& [store, names] : parts) {
      store.read_all(names, [&](RecordBeats&& record, const std::optional<Moments>& moments) {
        content.append(record);
        content.moments.push_back(moments);
      });
    }
    return content;
  }

  static Content copy(std::span<const RecordBeats> records) {
    Content content;
    for (const RecordBeats& record : records) content.append(record);
    return content;
  }
};

MemoryDataset::MemoryDataset(Content content, std::int64_t length)
    : Dataset(SequenceIndex(std::move(content.names), content.counts, length), content.unit,
              std::move(content.labels), std::move(content.moments)),
      beats_(std::move(content.beats)),
      typical_(std::move(content.typical)) {}

MemoryDataset::MemoryDataset(const Store& store, const std::vector<std::string>& records,
                             std::int64_t length)
    : MemoryDataset(Content::load(std::array{StoreRecords{store, records}}), length) {}

MemoryDataset::MemoryDataset(std::span<const StoreRecords> parts, std::int64_t length)
    : MemoryDataset(Content::load(parts), length) {}

MemoryDataset::MemoryDataset(std::span<const RecordBeats> records, std::int64_t length)
    : MemoryDataset(Content::copy(records), length) {}

std::span<const float> MemoryDataset::beats(std::int64_t record) const {
  const std::int64_t first = index().first_beat(record), last = index().first_beat(record + 1);
  return BeatSpan{beats_, unit()}.part(first, last - first).samples;
}

namespace {

SequenceIndex store_index(const Store& store, const std::vector<std::string>& records,
                          std::int64_t length) {
  std::vector<std::int64_t> counts;
  for (const StoreRecord& entry : store.find(records)) counts.push_back(entry.beats());
  return SequenceIndex(records, counts, length);
}

}  // namespace

struct StreamedDataset::Heads {
  std::vector<std::int32_t> labels;
  std::vector<std::optional<Moments>> moments;

  Heads(const Store& store, const std::vector<std::string>& records) {
    for (const std::string& record : records) {
      const std::vector<std::int32_t> more = store.read_labels(record, &moments.emplace_back());
      labels.insert(labels.end(), more.begin(), more.end());
    }
  }
};

StreamedDataset::StreamedDataset(const Store& store, const std::vector<std::string>& records,
                                 std::int64_t length)
    : StreamedDataset(store, records, length, Heads(store, records)) {}

StreamedDataset::StreamedDataset(const Store& store, const std::vector<std::string>& records,
                                 std::int64_t length, Heads heads)
    : Dataset(store_index(store, records, length), store.unit(), std::move(heads.labels),
              std::move(heads.moments)),
      store_(store),
      beats_(records.size()) {}

void StreamedDataset::hold(std::span<const std::int64_t> records) {
  for (std::size_t r = 0; r < beats_.size(); ++r) {
    const bool wanted =
        std::find(records.begin(), records.end(), static_cast<std::int64_t>(r)) != records.end();
    if (!wanted) {
      beats_[r] = {};
    } else if (beats_[r].empty()) {
      beats_[r] = store_.read(index().record_names()[r]).beats;
    }
  }
}

std::span<const float> StreamedDataset::beats(std::int64_t record) const {
  return beats_[static_cast<std::size_t>(record)];
}

std::vector<float> StreamedDataset::typical_beats() const {
  std::vector<float> all;
  for (const std::string& name : index().record_names()) {
    const std::vector<float> typical = store_.read(name).typical;
    all.insert(all.end(), typical.begin(), typical.end());
  }
  return all;
}

void require_all_classes(const Dataset& dataset, const std::string& role) {
  std::vector<std::string_view> absent;
  for (std::size_t c = 0; c < class_names.size(); ++c) {
    if (dataset.class_counts()[c] == 0) absent.push_back(class_names[c]);
  }
  if (absent.empty()) return;
  fail("class{} {} {} no sequence in the {} records {}", absent.size() > 1 ? "es" : "",
       fmt::join(absent, ", "), absent.size() > 1 ? "have" : "has", role,
       fmt::join(dataset.index().record_names(), ", "));
}

}  // namespace ekgine
