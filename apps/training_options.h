// Options that the subcommands which train share: train, tune, kfold, final, pipeline.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/command.h"
#include "data/protocols.h"
#include "data/splits.h"
#include "training/options.h"

namespace ekgine {

// Adds what describes the model and how it is trained: --model, --epochs, --learning-rate, ...
void add_training_options(CLI::App* command, TrainOptions& options);

// Where records are divided: a splits file or a protocol, or neither.
struct SplitChoice {
  std::string file;
  std::optional<Protocol> protocol;

  bool given() const { return !file.empty() || protocol.has_value(); }
};

// Adds --protocol.
CLI::Option* add_protocol_option(CLI::App& command, std::optional<Protocol>& protocol,
                                 const std::string& description);

// Adds --fold, which check_fold() wants to go with a split.
CLI::Option* add_fold_option(CLI::App& command, std::optional<std::int64_t>& fold,
                             const std::string& description);
void check_fold(const std::optional<std::int64_t>& fold, const SplitChoice& choice);

// The records of the choice that was given; a notice says which persons it parts.
// Errors: those of the file.
Split chosen_split(const SplitChoice& choice);

// The records of fold `number` of its training records, as `ekgine kfold` deals them by default:
// the fold validates, the others train, and no records are held out to test.
// Errors: those of the file; too few records; no such fold.
Split chosen_fold(const SplitChoice& choice, std::int64_t number);

// "a,b" → {"a", "b"}.
std::vector<std::string> split_list(const std::string& list);

// Where a study's records come from.
struct StudyRecords {
  SplitChoice split;
  std::vector<std::string> train, validation, test;  // `train` holds those of `validation`, too
};

// Adds --data, --more-data, --more-weights, --allow-absent-classes, --splits, --protocol,
// --train-records and, with `test`,
// --test-records.
void add_study_data(CLI::App* command, TrainOptions& options, StudyRecords& records, bool test);

// Reads the splits and fills `options`: all records of `records.train` to train on, device and
// threads. Ends the program on wrong usage.
void resolve_study(TrainOptions& options, StudyRecords& records, const CommonOptions& common,
                   Processes processes = Processes::one);

}  // namespace ekgine
