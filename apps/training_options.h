// Options that the subcommands which train share: train, tune, kfold, final, pipeline.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "apps/command.h"
#include "training/options.h"

namespace ekgine {

// Adds what describes the model and how it is trained: --model, --epochs, --learning-rate, ...
// Defined in train.cpp, where these options came from.
void add_training_options(CLI::App* command, TrainOptions& options);

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
