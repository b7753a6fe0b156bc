// What the program does where mpirun or srun has started it.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "engine/check_same.h"
#include "tests/apps/program.h"
#ifdef EKGINE_MPIRUN
#include "tests/support/mpirun.h"
#endif

namespace ekgine::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// As mpirun tells a process which it is.
ProcessOptions as_rank(int rank, int count) {
  return {.environment = {{"OMPI_COMM_WORLD_RANK", std::to_string(rank)},
                          {"OMPI_COMM_WORLD_SIZE", std::to_string(count)}}};
}

class RanksOfTheProgram : public SmallStore {
 protected:
  Arguments small_training(const std::string& output) const {
    return training(path(output)) + Arguments{"--seed", "1"};
  }
};

void expect_silence(const ProcessResult& result, int status) {
  EXPECT_EQ(result.status, status) << "signal " << result.signal;
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "");
}

TEST_F(RanksOfTheProgram, OtherCommandsRunInOneProcess) {
  const Arguments evaluation = {"evaluate", "--weights", path("w"), "--data",    store_, "--output",
                                path("k"),  "--records", "901",     "--threads", "1"};
  expect_one_line(ekgine(evaluation, as_rank(0, 2)), 2,
                  "ekgine: evaluate: runs in one process; start it without mpirun, and by srun as "
                  "one task (see ekgine evaluate --help)");
  expect_silence(ekgine(evaluation, as_rank(1, 2)), 2);
  for (const char* command : {"devices", "download"}) {
    const Arguments arguments = command == std::string("devices")
                                    ? Arguments{command}
                                    : Arguments{command, "mitdb", "--output", path("d")};
    expect_one_line(ekgine(arguments, as_rank(0, 2)), 2,
                    std::string(command) + ": runs in one process");
  }
  expect_success(ekgine({"devices"}, as_rank(0, 1)));
  EXPECT_FALSE(std::filesystem::exists(path("k")));
}

// srun is also how several processes are started that have nothing to do with each other.
TEST_F(RanksOfTheProgram, PartsRunAsEver) {
  for (int rank = 0; rank < 2; ++rank) {
    const ProcessResult result = ekgine({"preprocess", "--database", database_, "--output",
                                         path("parts"), "--shard", std::to_string(rank + 1) + "/2"},
                                        {.environment = {{"SLURM_STEP_ID", "0"},
                                                         {"SLURM_PROCID", std::to_string(rank)},
                                                         {"SLURM_NTASKS", "2"}}});
    expect_success(result);
    EXPECT_NE(result.out + result.err, "");
  }
}

TEST_F(RanksOfTheProgram, WrongUsageIsToldByOne) {
  const Arguments wrong = small_training("run") + Arguments{"--epoch", "3"};
  expect_one_line(ekgine(wrong, as_rank(0, 2)), 2, "not expected: --epoch");
  expect_silence(ekgine(wrong, as_rank(1, 2)), 2);
  expect_one_line(ekgine(small_training("run") + Arguments{"--rank-timeout", "0"}), 2,
                  "--rank-timeout");
  // A file that is missing on one machine only.
  expect_one_line(ekgine({"train", "--config", path("none.toml")}, as_rank(1, 2)), 2,
                  AllOf(HasSubstr("rank 1 on " + host_name() + ": "), HasSubstr("none.toml")));
}

TEST_F(RanksOfTheProgram, OneRankTrainsAsEver) {
  expect_success(ekgine(small_training("alone")));
  expect_success(ekgine(small_training("one") + Arguments{"--rank-timeout", "60"}, as_rank(0, 1)));
  EXPECT_TRUE(weights_of("alone") == weights_of("one"));
  EXPECT_EQ(options_of("alone/config.toml"), options_of("one/config.toml"));
  EXPECT_THAT(read("one/config.toml"), Not(HasSubstr("\nrank-timeout")));
}

#ifdef EKGINE_MPIRUN

// A shell that starts the program as a rank, with what depends on the rank.
Arguments in_a_shell(const std::string& text, const Arguments& arguments) {
  return Arguments{"/bin/sh", "-c", "r=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}; " + text,
                   EKGINE_PROGRAM} +
         arguments;
}

std::size_t lines_with(const std::string& text, const std::string& words) {
  std::size_t count = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) count += line.find(words) != line.npos;
  return count;
}

#if !EKGINE_HAS_CUDA
TEST_F(RanksOfTheProgram, RefuseADevice) {
  const ProcessResult result =
      mpirun(2, Arguments{EKGINE_PROGRAM} + small_training("run") + Arguments{"--device", "cuda"});
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_EQ(lines_with(result.err, "ekgine: "), 1) << result.err;
  EXPECT_THAT(result.err,
              HasSubstr("ekgine: --device cuda: several ranks on GPUs need a build with CUDA and "
                        "NCCL; use --device cpu (see ekgine train --help)\n"));
}
#endif

TEST_F(RanksOfTheProgram, AnotherOptionOrEnvironmentIsNamedOnce) {
  const auto differs = [&](const std::string& text, const std::string& expected) {
    const ProcessResult result = mpirun(3, in_a_shell(text, small_training("run")));
    EXPECT_EQ(result.status, 1) << result.err;
    EXPECT_EQ(lines_with(result.err, "ekgine: "), 1) << result.err;
    EXPECT_THAT(result.err, HasSubstr(expected));
    EXPECT_THAT(result.err, Not(HasSubstr("MPI_ABORT")));
  };
  const std::string host = host_name();
  differs(R"(exec "$0" "$@" --seed $r)",
          "ekgine: options: rank 1 on " + host + " has 'seed = 1' in line ");
  // Ahead of any that are set already.
  differs(R"([ $r -lt 2 ] || export EKGINE_A=0; exec "$0" "$@")",
          "ekgine: environment: rank 2 on " + host + " has 'EKGINE_A=0'");
  EXPECT_FALSE(std::filesystem::exists(path("run")));
}

// Whatever the others do then.
TEST_F(RanksOfTheProgram, AnErrorOfOneEndsAll) {
  std::filesystem::create_directory(path("0"));
  std::filesystem::create_directory(path("1"));
  std::filesystem::create_symlink(store_, path("0/store"));
  const Arguments arguments =
      small_training("run") + Arguments{"--data", "store", "--output", "run"};
  const ProcessResult result =
      mpirun(2, in_a_shell("cd '" + path("") + "'$r; exec \"$0\" \"$@\"", arguments));
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("ekgine: rank 1 on " + host_name() + ": store"));
}

TEST_F(RanksOfTheProgram, MoreThreadsThanCoresAreWarnedOfByOne) {
  Arguments arguments = small_training("run");
  std::erase(arguments, "--quiet");
  // Ends soon: rank 1 has no such store.
  const ProcessResult result = mpirun(
      2, Arguments{EKGINE_PROGRAM} + arguments + Arguments{"--threads", "200", "--data", "none"});
  EXPECT_NE(result.status, 0);
  EXPECT_EQ(lines_with(result.err, host_name() + ": 2 ranks with 400 threads may run on "), 1)
      << result.err;
}

// Options of a training that several ranks share.
Arguments shared_training(const std::string& output, const std::string& epochs = "2") {
  return {"--train-records",
          "901,903",
          "--validation-records",
          "902",
          "--batch-size",
          "7",
          "--epochs",
          epochs,
          "--output",
          output};
}

TEST_F(RanksOfTheProgram, TrainTheModelOfOneProcess) {
  const auto options = [&](const std::string& name) {
    return small_training(name) + shared_training(path(name)) + Arguments{"--device", "cpu"};
  };
  expect_success(ekgine(options("alone")));
  const auto train = [&](int ranks, const std::string& name) {
    const ProcessResult result = mpirun(ranks, Arguments{EKGINE_PROGRAM} + options(name));
    expect_success(result);
    EXPECT_EQ(result.err, "");
    EXPECT_EQ(lines_with(result.out, "validation records: accuracy "), 1) << result.out;
  };
  train(3, "three");
  train(3, "again");
  EXPECT_TRUE(weights_of("three") == weights_of("again"));
  EXPECT_EQ(content_of(path("three")), content_of(path("alone")));
  EXPECT_EQ(options_of("three/config.toml"), options_of("alone/config.toml"));
  std::istringstream found(read("three/history.jsonl")), expected(read("alone/history.jsonl"));
  int epochs = 0;
  for (std::string a, b; std::getline(found, a) && std::getline(expected, b); ++epochs) {
    const Json left = parse_json(a, "three"), right = parse_json(b, "alone");
    for (const char* name : {"loss", "validation_loss"}) {
      const auto value = right.at(name).get<double>();
      EXPECT_NEAR(left.at(name).get<double>(), value, 1e-4 * value) << name << " of " << b;
    }
  }
  EXPECT_EQ(epochs, 2);
  // The ranks' predictions are those of one process with these weights, to the bit.
  expect_success(
      ekgine({"evaluate", "--weights", path("three/model.safetensors"), "--data", store_,
              "--records", "902", "--output", path("evaluated"), "--threads", "1", "--quiet"}));
  const auto metrics = [&](const std::string& name) {
    Json json = parse_json(read(name), name);
    return Json{{"loss", json.at("loss")}, {"confusion", json.at("confusion")}};
  };
  EXPECT_EQ(metrics("three/metrics.json").dump(), metrics("evaluated/metrics.json").dump());
}

TEST_F(RanksOfTheProgram, SaveAndStopTogetherAndGoOn) {
  const auto options = [&](const std::string& name) {
    return Arguments{EKGINE_PROGRAM} + small_training(name) + shared_training(path(name), "40");
  };
  expect_success(mpirun(2, options("whole")));
  {
    Process stopped = start_mpirun(2, options("stopped"));
    const auto start = std::chrono::steady_clock::now();
    while (!std::filesystem::exists(path("stopped/history.jsonl")) &&
           std::chrono::steady_clock::now() - start < std::chrono::seconds(60)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    stopped.send(SIGUSR1);
    const ProcessResult result = stopped.wait(std::chrono::seconds(60));
    ASSERT_EQ(result.status, 130) << result.err;
    EXPECT_EQ(lines_with(result.err, "ekgine: interrupted after step "), 1) << result.err;
    EXPECT_THAT(result.err, Not(HasSubstr("MPI_ABORT")));  // all have stopped
  }
  std::filesystem::copy(path("stopped"), path("other"), std::filesystem::copy_options::recursive);
  expect_success(mpirun(2, {EKGINE_PROGRAM, "train", "--resume", path("stopped"), "--quiet"}));
  EXPECT_TRUE(weights_of("stopped") == weights_of("whole"));
  // On as many as there happen to be.
  const ProcessResult alone = ekgine({"train", "--resume", path("other")});
  expect_success(alone);
  EXPECT_THAT(alone.err, HasSubstr("trained on 2 ranks so far, now on 1: sums are rounded "
                                   "otherwise\n"));
}

TEST_F(RanksOfTheProgram, WhatAllFindIsToldByOne) {
  const ProcessResult result =
      mpirun(2, Arguments{EKGINE_PROGRAM} + small_training("run") + Arguments{"--batch-size", "1"});
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_EQ(lines_with(result.err, "ekgine: "), 1) << result.err;
  EXPECT_THAT(result.err,
              HasSubstr("ekgine: --batch-size 1: too few for 2 ranks, each must get a sequence\n"));
}

// mpirun starts a study's processes, too: each takes units that no other has.
TEST_F(RanksOfTheProgram, ShareAStudyByItsUnits) {
  const auto study = [&](const std::string& name) {
    return Arguments{"kfold",       "--data",        store_,     "--train-records",
                     "901,902,903", "--k",           "3",        "--embed-dim",
                     "4",           "--num-heads",   "1",        "--epochs",
                     "1",           "--kernel-size", "3",        "--threads",
                     "1",           "--output",      path(name), "--quiet"};
  };
  expect_success(ekgine(study("alone")));
  expect_success(mpirun(2, Arguments{EKGINE_PROGRAM} + study("shared")));
  EXPECT_EQ(content_of(path("shared")), content_of(path("alone")));
  for (const char* fold : {"fold-1", "fold-2", "fold-3"}) {
    EXPECT_TRUE(testing::weights_of(path("shared") + "/" + fold) ==
                testing::weights_of(path("alone") + "/" + fold))
        << fold;
  }
}

// What a search finds does not depend on who tries what.
TEST_F(RanksOfTheProgram, ShareASearchByItsTrials) {
  write_bytes(path("space.toml"), "embed-dim = [2, 3, 4]\nbatch-size = [8, 16]\n");
  const auto search = [&](const std::string& name) {
    return Arguments{"tune",
                     "--data",
                     store_,
                     "--train-records",
                     "901,902",
                     "--num-heads",
                     "1",
                     "--epochs",
                     "2",
                     "--kernel-size",
                     "3",
                     "--space",
                     path("space.toml"),
                     "--threads",
                     "1",
                     "--validation-records",
                     "903",
                     "--output",
                     path(name),
                     "--quiet"};
  };
  expect_success(ekgine(search("alone")));
  expect_success(mpirun(2, Arguments{EKGINE_PROGRAM} + search("shared")));
  EXPECT_EQ(content_of(path("shared")), content_of(path("alone")));
  int results = 0;
  for (const std::string& name : content_of(path("alone"))) {
    if (name.find("/round-") == std::string::npos) continue;
    ++results;
    Json shared = parse_json(read("shared/" + name)), alone = parse_json(read("alone/" + name));
    for (Json* result : {&shared, &alone}) result->erase("seconds");
    EXPECT_EQ(shared.dump(), alone.dump()) << name;
  }
  EXPECT_GT(results, 1);
}

#else

TEST_F(RanksOfTheProgram, ABuildWithoutMpiRefuses) {
  expect_one_line(ekgine(small_training("run"), as_rank(0, 2)), 2,
                  "ekgine: train: started as one of several processes, and this build has no MPI; "
                  "start it without mpirun, and by srun as one task, or build it with "
                  "-DEKGINE_MPI=ON (scripts/install_packages mpi)");
  expect_silence(ekgine(small_training("run"), as_rank(1, 2)), 2);
  EXPECT_FALSE(std::filesystem::exists(path("run")));
}

#endif

}  // namespace
}  // namespace ekgine::testing
