// From a WFDB database to a store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/store.h"

namespace ekgine {

struct PreprocessOptions {
  std::filesystem::path database;    // folder with 100.hea, 100.dat, 100.atr, ...
  std::filesystem::path output;      // folder of the store; a store there is replaced
  std::vector<std::string> records;  // empty: all that RECORDS lists, or all .hea without RECORDS
  std::string label_map = "seed";
  std::string tool = "ekgine";  // noted in the store
  bool scalograms = false;      // also write them, for other tools; training computes its own
};

// Called after every record, one call at a time, from any thread.
using PreprocessProgress = std::function<void(std::int64_t done, std::int64_t total)>;

// Cuts the beats of all records, on as many threads as kernels use, and writes the store whole or
// not at all, with the moments of scalograms (data/moments.h) of beats measured as deviations.
// Returns what was written. Errors of the readers; records that do not exist, all at once; records
// named twice. Throws Interrupted on Ctrl-C.
StoreInfo preprocess(const PreprocessOptions& options, const PreprocessProgress& progress = {});

// The records of a database: the lines of RECORDS, or the .hea files in name order.
std::vector<std::string> database_records(const std::filesystem::path& database);

}  // namespace ekgine
