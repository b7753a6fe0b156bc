// The further stores of a run: those of --more-data, whose records train beside those of the store
// that is divided into training, validation and test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/store.h"
#include "training/options.h"

namespace ekgine {

struct FurtherStore {
  Store store;
  std::vector<std::string> records;   // those of the store but for:
  std::vector<std::string> held_out;  // of persons whom the main store or DS2 has
  std::vector<std::string> short_of;  // with fewer beats than are asked for
};

// Opens the stores, whose beats are measured as those of `main`. Left out are records of fewer than
// `least_beats` beats, and of persons (data/subjects.h) of whom `main` has a record, whoever it
// trains or tests, or DS2 (data/protocols.h) has: a further store brings further persons, and never
// those by whom figures are compared. Leads, rates and marks may be others than those of `main`.
// Errors: a store that cannot be read; one that is named twice, or is `main`; another label map; no
// records left.
std::vector<FurtherStore> open_further_stores(const Store& main,
                                              const std::vector<std::filesystem::path>& folders,
                                              std::int64_t least_beats);

// The same for a run: every training record has at least a sequence.
std::vector<FurtherStore> open_further_stores(const Store& main, const TrainOptions& options);

// "sel100, sel102 (persons of the first store or of DS2); 30 (too few beats)"; empty where all
// records are taken.
std::string left_out_text(const FurtherStore& further);

// How many records train, of all stores.
std::int64_t count_training_records(const TrainOptions& options,
                                    const std::vector<FurtherStore>& more);

}  // namespace ekgine
