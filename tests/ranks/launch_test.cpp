#include "ranks/launch.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

namespace ekgine {
namespace {

using Variables = std::map<std::string, std::string>;

std::optional<std::pair<int, int>> launched_by(const Variables& variables) {
  const std::optional<Launch> found = launch_of(variables);
  if (!found) return std::nullopt;
  return std::pair(found->rank, found->count);
}

// Of 4 tasks, as sbatch and salloc tell it to all that run in an allocation.
const Variables allocation = {{"SLURM_JOB_ID", "77"}, {"SLURM_NTASKS", "4"}, {"SLURM_NPROCS", "4"}};

Variables operator+(Variables a, const Variables& b) {
  for (const auto& [name, value] : b) a[name] = value;
  return a;
}

TEST(Launch, NotInAShell) {
  EXPECT_EQ(launched_by({}), std::nullopt);
  EXPECT_EQ(launched_by({{"HOME", "/root"}, {"OMPI_MCA_btl", "tcp"}}), std::nullopt);
  EXPECT_EQ(launched_by(allocation), std::nullopt) << "salloc";
  const Variables task = {{"SLURM_PROCID", "0"}, {"SLURM_LOCALID", "0"}};
  EXPECT_EQ(launched_by(allocation + task), std::nullopt) << "a script of sbatch";
  EXPECT_EQ(launched_by(allocation + task + Variables{{"SLURM_STEP_ID", "4294967291"}}),
            std::nullopt)
      << "that tells its step";
  EXPECT_EQ(launched_by(allocation + task + Variables{{"SLURM_STEP_ID", "4294967290"}}),
            std::nullopt)
      << "the shell of salloc, as a step";
}

TEST(Launch, LocalRanks) {
  EXPECT_EQ(local_rank_of({}), 0);
  EXPECT_EQ(local_rank_of({{"OMPI_COMM_WORLD_LOCAL_RANK", "3"}, {"SLURM_LOCALID", "0"}}), 3);
  EXPECT_EQ(local_rank_of({{"MPI_LOCALRANKID", "2"}}), 2);
  EXPECT_EQ(local_rank_of({{"PALS_LOCAL_RANKID", "2"}}), 2);
  EXPECT_EQ(local_rank_of({{"SLURM_LOCALID", "1"}}), 1);
  EXPECT_EQ(local_rank_of({{"SLURM_LOCALID", "x"}}), 0);
}

TEST(Launch, ByMpirun) {
  const Variables third = {{"OMPI_COMM_WORLD_RANK", "2"}, {"OMPI_COMM_WORLD_SIZE", "4"}};
  const auto two_of_four = std::pair(2, 4);
  EXPECT_EQ(launched_by(third), two_of_four);
  EXPECT_EQ(launched_by({{"PMI_RANK", "2"}, {"PMI_SIZE", "4"}}), two_of_four);
  EXPECT_EQ(launched_by({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}}),
            std::pair(0, 1));
  // In a step of Slurm's, which is one task a machine, or a shell.
  const Variables step = {
      {"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_PROCID", "0"}};
  EXPECT_EQ(launched_by(allocation + step + third), two_of_four);
  EXPECT_EQ(launched_by(allocation + step + Variables{{"PMI_RANK", "2"}, {"PMI_SIZE", "4"}}),
            two_of_four);
  // How many there are PMIx alone does not tell.
  EXPECT_EQ(launched_by({{"PMIX_RANK", "1"}}), std::pair(1, 0));
  EXPECT_TRUE(launch_of({{"PMIX_RANK", "0"}})->several());
}

TEST(Launch, BySrun) {
  const Variables step = {{"SLURM_STEP_ID", "3"}, {"SLURM_PROCID", "1"}};
  EXPECT_EQ(launched_by(allocation + step), std::pair(1, 4));
  EXPECT_EQ(launched_by(allocation + step + Variables{{"SLURM_STEP_NUM_TASKS", "2"}}),
            std::pair(1, 2))
      << "a step of fewer tasks than the allocation has";
  EXPECT_EQ(launched_by(allocation + step + Variables{{"PMIX_RANK", "1"}}), std::pair(1, 4));
}

TEST(Launch, NotByVariablesThatMakeNoSense) {
  for (const auto& [rank, count] : {std::pair("x", "4"), std::pair("4", "4"), std::pair("-1", "4"),
                                    std::pair("", ""), std::pair("1", "2 "), std::pair("0", "0")}) {
    EXPECT_EQ(launched_by({{"OMPI_COMM_WORLD_RANK", rank}, {"OMPI_COMM_WORLD_SIZE", count}}),
              std::nullopt)
        << rank << " of " << count;
  }
}

}  // namespace
}  // namespace ekgine
