#include "data/tfrecord_export.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/json_file.h"
#include "base/provenance.h"
#include "base/record_name.h"
#include "base/record_parts.h"
#include "base/sha256.h"
#include "base/tfrecord.h"
#include "data/scalogram.h"
#include "data/workers.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

static_assert(std::endian::native == std::endian::little, "arrays are written as they lie");

// Numbers of fields: tensorflow/core/example/example.proto and feature.proto.
namespace example {
constexpr int features = 1;
}
namespace features {
constexpr int feature = 1;  // an entry of the map
}
namespace entry {
constexpr int key = 1, value = 2;
}
namespace feature {
constexpr int bytes_list = 1, int64_list = 3;
}
namespace list {
constexpr int value = 1;
}

template <class T>
std::string_view bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

std::int64_t sequences_of(const StoreRecord& record, std::int64_t length) {
  if (record.beats() < length) {
    fail("record {} has {} beats, too few for sequences of {}", record.name, record.beats(),
         length);
  }
  return record.beats() - length + 1;
}

// The records to export. Fails where the store does not have one.
std::vector<StoreRecord> chosen_records(const Store& store, const TfRecordOptions& options) {
  const std::int64_t length = options.sequence_length;
  if (length < 1 || length > longest_exported_sequence) {
    fail("sequences must have 1 to {} beats, got {}", longest_exported_sequence, length);
  }
  const std::vector<std::string> names =
      options.records.empty() ? store.record_names() : options.records;
  std::vector<StoreRecord> records = store.find(names);
  std::set<std::string> seen;
  for (const StoreRecord& record : records) {
    if (!seen.insert(record.name).second) fail("record {} is named twice", record.name);
  }
  return records;
}

fs::path file_of(const TfRecordOptions& options, const std::string& record) {
  return options.output / (record_file_name(record) + ".tfrecord");
}

RecordParts parts_of(const TfRecordOptions& options) {
  return {options.output, "ekgine export part 1"};
}

// Of all that decides what is written of a record.
std::string inputs_of(const Store& store, const TfRecordOptions& options,
                      const StoreRecord& record) {
  Sha256 sum;
  sum.update(json_text(
      Json::array({program_name(), record.name, store.checksum(record), options.sequence_length})));
  return sum.hex();
}

// An Example up to the bytes of `sequences_raw`, its last feature, which are left to follow: they
// are large, and lie elsewhere.
std::string example_head(std::int64_t count, std::int64_t length,
                         std::span<const std::int32_t> labels) {
  ProtobufMessage before;
  const auto add = [&](const char* name, const ProtobufMessage& value) {
    before.message(features::feature,
                   ProtobufMessage().bytes(entry::key, name).message(entry::value, value));
  };
  const auto add_integer = [&](const char* name, std::int64_t value) {
    add(name, ProtobufMessage().message(feature::int64_list,
                                        ProtobufMessage().integers(list::value, {&value, 1})));
  };
  add_integer("num_in_batch", count);
  add_integer("sequence_len", length);
  add_integer("height", scalogram_scales);
  add_integer("width", beat_samples);
  add("labels_raw",
      ProtobufMessage().message(feature::bytes_list,
                                ProtobufMessage().bytes(list::value, bytes_of(labels))));

  // From the inside out: each message begins with the length of all that it holds.
  const auto raw = static_cast<std::uint64_t>(count * length * scalogram_size) * sizeof(float);
  std::string head;
  const auto inside = [&](ProtobufMessage start, int field) {
    head = start.head_of_bytes(field, head.size() + raw).encoded() + head;
  };
  inside({}, list::value);
  inside({}, feature::bytes_list);
  inside(ProtobufMessage().bytes(entry::key, "sequences_raw"), entry::value);
  inside(before, features::feature);
  inside({}, example::features);
  return head;
}

// Writes the record's Examples; `done` is called with the number of sequences of each.
void write_record(AtomicWriter& file, const Store& store, const std::string& name,
                  std::int64_t length, const Cpu& cpu,
                  const std::function<void(std::int64_t)>& done) {
  RecordBeats record;
  if (store.info().scalograms) {
    record.labels = store.read_labels(name);
  } else {
    record = store.read(name);
  }
  const std::int64_t sequences = record.size() - length + 1;
  std::vector<float> scalograms;
  // All at once: a record's file is checked whole each time it is opened.
  if (store.info().scalograms) scalograms = store.read_scalograms(name, 0, record.size());
  for (std::int64_t first = 0; first < sequences; first += sequences_per_example) {
    throw_if_interrupted();
    const std::int64_t count = std::min(sequences_per_example, sequences - first);
    const std::int64_t beats = count + length - 1;  // sequences overlap
    if (!store.info().scalograms) {
      scalograms.resize(static_cast<std::size_t>(beats * scalogram_size));
      compute_scalograms(cpu,
                         std::span(record.beats)
                             .subspan(static_cast<std::size_t>(first * beat_samples),
                                      static_cast<std::size_t>(beats * beat_samples)),
                         scalograms);
    }
    const std::string head = example_head(count, length,
                                          std::span(record.labels)
                                              .subspan(static_cast<std::size_t>(first + length - 1),
                                                       static_cast<std::size_t>(count)));
    const std::size_t beat = scalogram_size * sizeof(float);
    const std::size_t skipped =
        store.info().scalograms ? static_cast<std::size_t>(first) * beat : 0;
    const std::string_view bytes = bytes_of(std::span<const float>(scalograms)).substr(skipped);
    const std::size_t sequence = static_cast<std::size_t>(length) * beat;
    file.write(tfrecord_head(head.size() + static_cast<std::size_t>(count) * sequence));
    file.write(head);
    std::uint32_t crc = crc32c(head);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::string_view piece = bytes.substr(static_cast<std::size_t>(i) * beat, sequence);
      crc = crc32c(piece, crc);
      file.write(piece);
    }
    file.write(tfrecord_tail(crc));
    done(count);
  }
}

}  // namespace

TfRecordSummary export_tfrecords(const Store& store, const TfRecordOptions& options,
                                 const TfRecordProgress& progress) {
  const std::vector<StoreRecord> records = chosen_records(store, options);
  TfRecordSummary summary{std::ssize(records), 0};
  for (const StoreRecord& record : records) {
    summary.sequences += sequences_of(record, options.sequence_length);
  }
  const OutputDirectory output(options.output);
  std::vector<std::unique_ptr<AtomicWriter>> files(records.size());
  std::mutex mutex;  // guards done, and serialises progress
  std::int64_t done = 0;
  for_each_item(std::ssize(records), [&](std::int64_t i, const Cpu& cpu) {
    const std::string& name = records[static_cast<std::size_t>(i)].name;
    auto& file = files[static_cast<std::size_t>(i)];
    file = std::make_unique<AtomicWriter>(file_of(options, name));
    write_record(*file, store, name, options.sequence_length, cpu, [&](std::int64_t sequences) {
      const std::lock_guard lock(mutex);
      done += sequences;
      if (progress) progress(done, summary.sequences);
    });
    file->close();
  });
  for (const auto& file : files) file->commit();
  return summary;
}

void export_part(const Store& store, const TfRecordOptions& options, const Shard& shard,
                 RecordJobs& jobs) {
  const std::vector<StoreRecord> records = part_of(chosen_records(store, options), shard);
  const RecordParts parts = parts_of(options);
  const OutputDirectory folder(parts.folder(), DirectoryLock::Kind::shared);
  const OutputDirectory output(options.output, DirectoryLock::Kind::shared);
  jobs.expect(std::ssize(records));
  const auto do_record = [&](const StoreRecord& record, const Cpu& cpu) {
    RecordOutcome outcome;
    outcome.facts["sequences"] = sequences_of(record, options.sequence_length);
    const fs::path path = file_of(options, record.name);
    const AtomicFile held = parts.hold(record.name);
    const std::string inputs = inputs_of(store, options, record);
    outcome.done_already = !parts.done(record.name, inputs, path).is_null();
    if (outcome.done_already) return outcome;
    parts.begin(record.name);
    AtomicWriter file(path);
    write_record(file, store, record.name, options.sequence_length, cpu, [](std::int64_t) {});
    file.commit();
    parts.set_done(record.name, inputs, path, Json::object());
    return outcome;
  };
  for_each_item(std::ssize(records), [&](std::int64_t i, const Cpu& cpu) {
    const StoreRecord& record = records[static_cast<std::size_t>(i)];
    jobs.run(record.name, [&] { return do_record(record, cpu); });
  });
}

TfRecordSummary merge_exported(const Store& store, const TfRecordOptions& options) {
  const std::vector<StoreRecord> records = chosen_records(store, options);
  const RecordParts parts = parts_of(options);
  TfRecordSummary summary{std::ssize(records), 0};
  auto lock = parts.lock();
  std::vector<std::string> names;
  names.reserve(records.size());
  for (const StoreRecord& record : records) names.push_back(record.name);
  parts.all_done(names, [&](const std::string& name) {
    const StoreRecord record = store.find({name}).front();
    return parts.done(name, inputs_of(store, options, record), file_of(options, name));
  });
  for (const StoreRecord& record : records) {
    summary.sequences += sequences_of(record, options.sequence_length);
  }
  for (const StoreRecord& record : records) parts.begin(record.name);
  parts.remove_folder(std::move(lock));
  return summary;
}

}  // namespace ekgine
