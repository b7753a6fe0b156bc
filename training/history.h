// history.jsonl: a line per completed epoch of a run, as JSON.
#pragma once

#include <filesystem>

#include "base/json.h"
#include "evaluation/plots.h"

namespace ekgine {

// What a line, checked already, has to show.
EpochValues epoch_values(const Json& line);

// Writes the file of the run directory anew.
void write_history(const std::filesystem::path& directory, const Json& history);

}  // namespace ekgine
