// Hyperparameter search.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/json.h"
#include "research/search_space.h"
#include "research/study.h"

namespace ekgine {

// What of the validation is to be high.
enum class Objective { accuracy, macro_f1 };
constexpr auto choices_of(Objective) {
  using enum Objective;
  return std::to_array<Choice<Objective>>({{accuracy, "accuracy"}, {macro_f1, "macro_f1"}});
}

struct TuneOptions {
  // Of every trial, but for what the space varies. Needs validation records; `epochs` is the most
  // that a trial gets, `seed` also that of the draws, `output` the study's folder.
  TrainOptions train;
  SearchSpace space;
  Objective objective = Objective::accuracy;  // highest of a trial's epochs
  std::int64_t factor = 3;
};

// Searches by Hyperband (research/hyperband.h). Configurations are drawn at random, none twice; a
// space that runs out of them has smaller brackets. A trial that is promoted goes on from its
// checkpoint: its epochs are the first ones of a run of train.epochs, so schedules are not cut
// short. A trial whose loss is not finite has no score and is the last to be promoted; equal scores
// keep the order of their numbers.
//
// The study's folder holds trial-NNN/, a run directory with round-R.json per round, and at the end
//   trials.json  all rounds of all trials, best first
//   report.txt   the same as a table
//   best.toml    options of the best trial, for --config of train, kfold and final
// Returns the content of trials.json: {"objective", "best": {…}, "trials": [{"trial", "bracket",
// "round", "epochs", "score", "best_epoch", "values"}]}.
//
// A result is a function of the options: goes on where an earlier call stopped, and processes with
// the same options share the trials of a round. Lines of a table go to `say` as trials end.
// Errors: before any work, options and spaces that no trial can have; open_study()'s; no trial with
// a score.
Json run_tune(const TuneOptions& options, const Say& say);

}  // namespace ekgine
