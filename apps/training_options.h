// Options that the subcommands which train share: train, tune, kfold, final, pipeline.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/command.h"
#include "data/splits.h"
#include "training/options.h"

namespace ekgine {

// Adds what describes the model and how it is trained: --model, --epochs, --learning-rate, ...
void add_training_options(CLI::App* command, TrainOptions& options);

// The records of fold `number` of a splits file, as `ekgine kfold` deals them by default: the fold
// validates, the others train, and no records are held out to test.
// Errors: those of the file; too few records; no such fold.
Split read_fold(const std::string& splits, std::int64_t number);

// Adds --fold, which goes with `splits` only.
CLI::Option* add_fold_option(CLI::App& command, std::optional<std::int64_t>& fold,
                             CLI::Option* splits, const std::string& description);

// "a,b" → {"a", "b"}.
std::vector<std::string> split_list(const std::string& list);

// Where a study's records come from.
struct StudyRecords {
  std::string splits;
  std::vector<std::string> train, validation, test;  // `train` holds those of `validation`, too
};

// Adds --data, --allow-absent-classes, --splits, --train-records and, with `test`, --test-records.
void add_study_data(CLI::App* command, TrainOptions& options, StudyRecords& records, bool test);

// Reads the splits file and fills `options`: all records of `records.train` to train on, device and
// threads. Ends the program on wrong usage.
void resolve_study(TrainOptions& options, StudyRecords& records, const CommonOptions& common);

}  // namespace ekgine
