// k-fold cross-validation by record.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/folds.h"
#include "research/study.h"

namespace ekgine {

struct KFoldOptions {
  // Of every fold's run. train_records are dealt into folds; there are no validation and test
  // records; `output` is the study's folder.
  TrainOptions train;
  std::int64_t k = 5;
  std::uint32_t fold_seed = 42;    // of the shuffle before dealing; apart from the runs' seed
  bool stratify = false;           // see stratified_kfold()
  std::vector<std::int64_t> only;  // run these folds, from 1, and leave the rest; empty: all
};

// The folds that the options mean. Errors: as kfold() and stratified_kfold().
Folds deal_folds(const KFoldOptions& options);

// Training and validation records of fold `number` as kfold deals them without options. Errors: as
// kfold() and fold_split(), about the option "fold".
Split default_fold(const std::vector<std::string>& records, std::int64_t number);

struct KFoldResult {
  std::vector<std::int64_t> missing;  // folds whose result is not there yet
  Json metrics;                       // once none is missing: the content of metrics.json
};

// Trains and validates a model per fold, each in the run directory fold-K of the study (see
// training/train.h; result.json is written last), and when all folds are there, in the study:
//   metrics.json        figures per fold; mean, standard deviation (n − 1) and number of folds that
//                       have it of every figure; confusion summed over the folds; best fold
//   report.txt          the same for people
//   folds.svg, .png     bars
//   model.safetensors   of the best fold: highest accuracy, the first of equals
//   model_card.md       that of its run
// Goes on where an earlier call stopped; processes with the same options share the folds.
// Errors: before any work, options, records that the store does not have, too few beats in one, no
// such fold, and a class that a fold's training records lack (unless allow_absent_classes);
// open_study()'s; a fold of `only` that another process is at work on.
KFoldResult run_kfold(const KFoldOptions& options, const Say& say);

}  // namespace ekgine
