#include "ranks/mpi_ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include "engine/check_same.h"
#include "tests/support/expect_error.h"
#ifdef EKGINE_MPIRUN
#include "tests/support/mpirun.h"
#include "tests/support/temporary_directory.h"
#endif

namespace ekgine {
namespace {

#ifdef EKGINE_MPIRUN

using ::testing::HasSubstr;
using testing::mpirun;
using testing::ProcessResult;

ProcessResult run(int ranks, const char* what) {
  const auto start = std::chrono::steady_clock::now();
  ProcessResult result = mpirun(ranks, {EKGINE_RANK, what});
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  EXPECT_FALSE(result.timed_out);
  return result;
}

TEST(MpiRanks, ExchangeAsThePlainComputation) {
  for (int count = 1; count <= 4; ++count) {
    const ProcessResult result = run(count, "exchange");
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "");
    EXPECT_EQ(result.out, std::to_string(count) + " ranks\n");
  }
}

TEST(MpiRanks, AllThatStopTogetherEndInOrder) {
  const ProcessResult result = run(3, "stop");
  EXPECT_EQ(result.status, 130);
  EXPECT_THAT(result.err, Not(HasSubstr("MPI_ABORT")));
}

// mpirun hands it on to all ranks, and waits for them.
TEST(MpiRanks, SigUsr1ReachesAllRanks) {
  const testing::TemporaryDirectory folder;
  testing::Process process = testing::start_mpirun(3, {EKGINE_RANK, "signal", folder / "ready"});
  const auto start = std::chrono::steady_clock::now();
  while (!std::filesystem::exists(folder / "ready") &&
         std::chrono::steady_clock::now() - start < std::chrono::seconds(60)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  process.send(SIGUSR1);
  const ProcessResult result = process.wait();
  EXPECT_EQ(result.status, 130) << result.err;
  EXPECT_FALSE(result.timed_out);
}

TEST(MpiRanks, ARankThatNeverCallsEndsTheJob) {
  const std::string line =
      "ekgine: rank 0 on " + host_name() + ", step 12: the other ranks have not answered for 5 s\n";
  for (const char* what : {"hang", "leaves"}) {
    const ProcessResult result = run(2, what);
    EXPECT_EQ(result.status, 1) << what;
    EXPECT_THAT(result.err, HasSubstr(line)) << what;
  }
}

TEST(MpiRanks, ARankThatNeverStartsEndsTheJob) {
  const ProcessResult result = run(2, "late");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("ekgine: rank 0 on " + host_name() +
                                    ": the other ranks have not answered for 5 s\n"));
}

TEST(MpiRanks, AnExceptionEndsTheJob) {
  const ProcessResult result = run(3, "throws");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err,
              HasSubstr("rank 1 on " + host_name() + ", step 12: it has no more paper"));
}

// The launcher sees it, and says where.
TEST(MpiRanks, AKilledRankEndsTheJob) {
  const ProcessResult result = run(3, "killed");
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.err, ::testing::ContainsRegex("rank 1.*on node " + host_name()));
}

TEST(MpiRanks, TheLibraryTellsItsName) {
  EXPECT_THAT(mpi_library(), ::testing::ContainsRegex("^[A-Za-z(R) ]*MPI[A-Z]* .*[0-9]+\\.[0-9]+"));
  EXPECT_THAT(mpi_library(), Not(HasSubstr("\n")));
}

// The launcher has started two, and this MPI knows nothing of it.
TEST(MpiRanks, AnotherMpiThanTheLaunchersIsRefused) {
  const ProcessResult result = testing::Process(EKGINE_RANK, {"exchange"},
                                                {.environment = {{"SLURM_STEP_ID", "0"},
                                                                 {"SLURM_PROCID", "1"},
                                                                 {"SLURM_NTASKS", "2"},
                                                                 {"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                                                                 {"OMPI_MCA_ess", "singleton"}}})
                                   .wait();
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("says that this is rank 0 of 1, the launcher 1 of 2"));
}

#else

TEST(MpiRanks, ABuildWithoutMpiHasNone) {
  EXPECT_EQ(mpi_library(), "");
  EXPECT_ERROR(join_ranks({0, 2}, std::chrono::seconds(1)),
               "this build has no MPI; configure one with -DEKGINE_MPI=ON");
}

#endif

}  // namespace
}  // namespace ekgine
