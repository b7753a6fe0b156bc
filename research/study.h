// A study: a folder of many training runs that belong together.
//
// Its plan is written first, to study.json; everything after is a function of the plan and of the
// results on disk, each a file that appears whole. So the same command, given again, goes on where
// a killed one stopped, and several processes given the same command share the work: whoever locks
// a unit's folder does it.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "base/interrupt.h"
#include "base/json.h"
#include "training/options.h"

namespace ekgine {

using Say = std::function<void(const std::string&)>;

// Begins the study in `directory`, or goes on with it: `kind` ("kfold"), the options of its runs,
// their inputs (training/checkpoint.h) and the rest of its plan are written or, where they are
// there, compared. `options` gets the
// number of threads that the study began with, and the process computes on as many. Errors: another
// study or a run is there; a part of the plan differs, which is named; the store holds other data.
void open_study(const std::filesystem::path& directory, const std::string& kind,
                TrainOptions& options, const Json& plan);

// A piece of a study's work that one process does as a whole.
struct Unit {
  std::filesystem::path directory;  // where it works; locked meanwhile
  std::filesystem::path result;     // this file is there: the unit is done
  std::function<Json()> work;       // what is written to `result`
};

// Does all units that are not done, in order. Those that another process is at work on are left to
// it: with `wait` until they are done (and taken over if it dies), otherwise InUse is thrown.
void do_units(std::span<const Unit> units, bool wait);

// A JSON file that a study wrote, keys in their order. What it says is for the caller to check.
// Errors: unreadable, not a JSON object, damaged.
Json read_result(const std::filesystem::path& path);

// The epochs of a run, as its checkpoint has them: the lines of history.jsonl.
Json read_history(const std::filesystem::path& run);

// Calls `work`; an interruption tells that the same command goes on, in place of what it stopped.
template <class Work>
auto continuable(const Work& work) {
  try {
    return work();
  } catch (const Interrupted&) {
    throw Interrupted("interrupted; the same command, given again, goes on from here");
  }
}

}  // namespace ekgine
