// Sequences of scalograms as TFRecord files, which the reference's code trains on.
//
// A file REC.tfrecord per record, REC as record_file_name() has it. It holds a tf.train.Example for
// every 256 consecutive sequences, the last for those that are left, with the features
//   num_in_batch, sequence_len, height, width   Int64List of one: 256 or fewer, T, 32, 187
//   sequences_raw  BytesList of one: float32, little-endian, (num_in_batch, T, 32, 187); not
//                  normalised
//   labels_raw     BytesList of one: int32, little-endian, (num_in_batch), the last beats' classes
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/record_jobs.h"
#include "base/shard.h"
#include "data/store.h"

namespace ekgine {

constexpr std::int64_t sequences_per_example = 256;

// Longer sequences would make Examples of more than 2 GiB, which protocol buffers do not allow.
constexpr std::int64_t longest_exported_sequence = 350;

struct TfRecordOptions {
  std::filesystem::path output;      // folder; made where it does not exist
  std::vector<std::string> records;  // empty: all of the store
  std::int64_t sequence_length = 3;
};

// Called after every Example, one call at a time, from any thread.
using TfRecordProgress = std::function<void(std::int64_t sequences, std::int64_t total)>;

struct TfRecordSummary {
  std::int64_t records = 0, sequences = 0;
};

// Writes the files, on as many threads as kernels use, an Example at a time: memory does not grow
// with the records. The scalograms are those of the store, or computed where it has none. All files
// take their places at the end, or none when something fails before.
// Errors, before anything is written: a length that is not 1 to longest_exported_sequence; records
// that the store does not have, all at once, or that are named twice; a record with fewer beats
// than a sequence. Later: those of Store; a file cannot be written. Throws Interrupted on Ctrl-C.
TfRecordSummary export_tfrecords(const Store& store, const TfRecordOptions& options,
                                 const TfRecordProgress& progress = {});

// Writes the files of a part of the same records, each in its place when it is whole; other
// processes may do other parts at the same time, into the same folder. `OUTPUT.parts`
// (base/record_parts.h) notes what is done: a file that is there, of the same record file, length
// and program, is left as it is. `jobs` is told of each, with its `sequences`. Errors: as
// export_tfrecords(), but that a record with too few beats is one that failed; another process
// writes a file, or ends the export (InUse).
void export_part(const Store& store, const TfRecordOptions& options, const Shard& shard,
                 RecordJobs& jobs);

// Ends an export that was done in parts: the files are those of export_tfrecords(), and what notes
// them is removed. Errors: records that are not done, or of other files or options, all at once;
// another process is at work there (InUse).
TfRecordSummary merge_exported(const Store& store, const TfRecordOptions& options);

}  // namespace ekgine
