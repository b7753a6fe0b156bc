// From raw records to held-out figures of several models, and a page that shows them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/beats.h"
#include "research/study.h"
#include "research/tune.h"

namespace ekgine {

struct PipelineOptions {
  // Of every run, but for what is a model's own and what a search finds. train_records and
  // test_records are set; `data` is a store, or empty where `database` is given; `output` is the
  // folder.
  TrainOptions train;
  std::filesystem::path database;  // WFDB records; empty: train.data is there already
  BeatOptions beats = {};          // what is read of these
  std::string label_map = "reference";
  std::string tool = "ekgine";      // noted in the store
  std::vector<std::string> models;  // architectures, or variants of them (research/variant.h)
  std::int64_t tune_epochs = 0;     // of the search; 0: none
  // Folder with ARCHITECTURE.toml for each model, which varies nothing that is a variant's own;
  // needed by the search.
  std::filesystem::path spaces;
  Objective objective = Objective::accuracy;
  std::int64_t folds = 0;  // of cross-validation; 0: none
};

// Does, for each model, the search (on the first of five folds of the training records, see
// research/tune.h), the cross-validation with what it found (research/kfold.h), and the final run
// (research/final.h). The folder holds
//   store/                            from `database`: the records that are needed
//   MODEL/tune, MODEL/kfold, MODEL/final   by the names that models were given by
//   pipeline.json                     figures of all that is done; rewritten after every stage
//   index.html                        the page (research/page.h), at the end
// and study.json. Returns the content of pipeline.json: {"stages": […], "models": {NAME: {"tune",
// "kfold", "final"}}}. Goes on where an earlier call stopped: within a stage, too.
// Errors: those of the stages, found before any work as far as they can be; another process at work
// in the folder.
Json run_pipeline(const PipelineOptions& options, const Say& say);

}  // namespace ekgine
