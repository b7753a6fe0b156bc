// From a WFDB database to a store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/record_jobs.h"
#include "base/shard.h"
#include "data/beats.h"
#include "data/store.h"

namespace ekgine {

struct PreprocessOptions {
  std::filesystem::path database;  // folder with 100.hea, 100.dat, 100.atr, ...
  std::filesystem::path output;    // folder of the store; a store there is replaced
  // Empty: those of database_records() that have annotations.
  std::vector<std::string> records;
  std::string label_map = "reference";
  std::string tool = "ekgine";  // noted in the store
  bool scalograms = false;      // also write them, for other tools; training computes its own
  BeatOptions beats = {};
};

// Called after every record, one call at a time, from any thread.
using PreprocessProgress = std::function<void(std::int64_t done, std::int64_t total)>;

struct PreprocessSummary {
  StoreInfo store;                             // what was written
  std::map<std::string, std::int64_t> leads;   // how many records each lead was read of
  std::map<double, std::int64_t> frequencies;  // how many records have each, in Hz
  // Left out, with a notice() of each record unless said otherwise:
  std::vector<std::string> unannotated;  // records that were not named and have no annotations
  std::int64_t unmeasured = 0;           // beats with a sample that was not measured
  std::int64_t repeated = 0;             // annotations of a beat that another one marks
  std::int64_t missed = 0, extra = 0;    // as in MovedMarks, without a notice
};

// Cuts the beats of all records, on as many threads as kernels use, and writes the store whole or
// not at all, with the moments of scalograms (data/moments.h) of beats measured as deviations.
// Errors of the readers; names that are none (base/record_name.h); records that do not exist, all
// at once; records named twice; no record with annotations. Throws Interrupted on Ctrl-C.
PreprocessSummary preprocess(const PreprocessOptions& options,
                             const PreprocessProgress& progress = {});

// Does the records of a part of the same list, each by itself, into `OUTPUT.parts`
// (data/store_parts.h), where other processes may do other parts at the same time. One that is
// there already, of the same files, options and tool, is left as it is. `jobs` is told of each.
// Errors: as preprocess(); another process does a record, or puts them together (InUse).
void preprocess_part(const PreprocessOptions& options, const Shard& shard, RecordJobs& jobs);

// Puts the parts together: what is written, byte for byte, and returned is what preprocess() would.
// The parts are removed. Errors: records that are not done, or of other files or options, all at
// once; another process is at work in the parts (InUse); those of reading them.
PreprocessSummary merge_parts(const PreprocessOptions& options);

// The beats of records of a database, cut as preprocess() does, on as many threads, and measured in
// `unit`: what a store of them gives. Errors: as preprocess(); those of measure_in(). The notices
// are the same.
std::vector<RecordBeats> cut_records(const std::filesystem::path& database,
                                     const std::vector<std::string>& records, const LabelMap& map,
                                     const BeatOptions& options, BeatUnit unit);

// The records of a database: the lines of RECORDS, which may name folders ("p1/a"), or the .hea
// files in name order. Errors, with the line: a name that is none.
std::vector<std::string> database_records(const std::filesystem::path& database);

}  // namespace ekgine
