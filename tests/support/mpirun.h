// Programs that mpirun starts several times. EKGINE_MPIRUN is its path.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace ekgine::testing {

// Also as root, on fewer cores than ranks, and in containers that let no process read another's
// memory.
inline Process start_mpirun(int ranks, const std::vector<std::string>& command) {
  std::vector<std::string> words = {"-np", std::to_string(ranks)};
  words.insert(words.end(), command.begin(), command.end());
  return {EKGINE_MPIRUN,
          words,
          {.environment = {{"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                           {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                           {"OMPI_MCA_rmaps_base_oversubscribe", "1"},
                           {"OMPI_MCA_hwloc_base_binding_policy", "none"},
                           {"OMPI_MCA_btl_vader_single_copy_mechanism", "none"},
                           {"PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"}}}};
}

inline ProcessResult mpirun(int ranks, const std::vector<std::string>& command) {
  Process process = start_mpirun(ranks, command);
  return process.wait(std::chrono::seconds(120));
}

}  // namespace ekgine::testing
