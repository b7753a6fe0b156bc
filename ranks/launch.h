// Whether this process is one of several that mpirun or srun started, told without MPI.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace ekgine {

struct Launch {
  int rank = 0;
  int count = 1;  // 0: only MPI knows

  bool several() const { return count != 1; }
};

// By variables of the environment: those of Open MPI, of PMI (MPICH, Intel MPI, Cray), of PMIx, and
// of a step of Slurm's. None in an ordinary shell, in a script given to sbatch, below salloc.
std::optional<Launch> launch_of(const std::map<std::string, std::string>& variables);

// Of this process.
const std::optional<Launch>& launch();

// Its number among those on its machine, as the launcher tells it; 0 where it does not.
int local_rank_of(const std::map<std::string, std::string>& variables);
int local_rank();

// Of several that were launched, which this one is, for errors: "rank 1 on node7", and where it has
// told its step "rank 1 on node7, step 12". "" where there are no others.
std::string this_rank();
void set_this_step(std::int64_t step);

}  // namespace ekgine
