// Ranks that are processes, started by mpirun or srun, which talk by MPI.
//
// MPI starts when a process joins the others, and not in any other one.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "engine/ranks.h"
#include "ranks/launch.h"

namespace ekgine {

// The name and version of the library that this build has, or "": a build without MPI.
std::string mpi_library();

// The ranks that were launched, this process among them, which computes nothing else before.
// Once a process. When the others do not come to a call within `timeout`, the process says so in
// one line on stderr and ends, and the launcher then ends the job. Errors: a build without MPI;
// MPI's own; another number of ranks than were launched.
std::unique_ptr<Ranks> join_ranks(const Launch& launch, std::chrono::milliseconds timeout);

// How a process leaves the others before it ends with `status`; nothing where it has not joined
// any. `together`: all are about to leave, in whatever state, and are waited for, for ten seconds
// where the status is not 0. Otherwise, or where they do not come, the launcher is told to end
// them, which also ends this process. Never throws.
void leave_ranks(int status, bool together) noexcept;

}  // namespace ekgine
