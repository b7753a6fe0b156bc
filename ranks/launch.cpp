#include "ranks/launch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <charconv>

#include "engine/check_same.h"

namespace ekgine {

namespace {

std::atomic<std::int64_t> step_told = -1;

using Variables = std::map<std::string, std::string>;

// An int from 0 on.
std::optional<int> number(const Variables& variables, const std::string& name) {
  const auto found = variables.find(name);
  if (found == variables.end()) return std::nullopt;
  const std::string& text = found->second;
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<Launch> by_variables(const Variables& variables, const char* rank,
                                   const char* count) {
  const std::optional<int> r = number(variables, rank), n = number(variables, count);
  if (!r || !n || *r >= *n) return std::nullopt;
  return Launch{*r, *n};
}

Variables environment() {
  Variables all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) all.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return all;
}

}  // namespace

std::optional<Launch> launch_of(const Variables& variables) {
  // mpirun within an allocation or a step of Slurm's sets its own beside those, and knows better.
  if (auto found = by_variables(variables, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE")) {
    return found;
  }
  if (auto found = by_variables(variables, "PMI_RANK", "PMI_SIZE")) return found;
  // The step of a script of sbatch, or of the shell of salloc, has a number near 2³².
  if (number(variables, "SLURM_STEP_ID")) {
    const bool told = variables.contains("SLURM_STEP_NUM_TASKS");
    return by_variables(variables, "SLURM_PROCID", told ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS");
  }
  if (const auto rank = number(variables, "PMIX_RANK")) return Launch{*rank, 0};
  return std::nullopt;
}

const std::optional<Launch>& launch() {
  static const std::optional<Launch> found = launch_of(environment());
  return found;
}

int local_rank_of(const std::map<std::string, std::string>& variables) {
  // Open MPI's, MPICH's and Intel's, Cray's, Slurm's.
  for (const char* name :
       {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "PALS_LOCAL_RANKID", "SLURM_LOCALID"}) {
    if (const std::optional<int> found = number(variables, name)) return *found;
  }
  return 0;
}

int local_rank() {
  return local_rank_of(environment());
}

std::string this_rank() {
  if (!launch() || !launch()->several()) return "";
  const std::string place = fmt::format("rank {} on {}", launch()->rank, host_name());
  const std::int64_t step = step_told;
  return step < 0 ? place : fmt::format("{}, step {}", place, step);
}

void set_this_step(std::int64_t step) {
  step_told = step;
}

}  // namespace ekgine
