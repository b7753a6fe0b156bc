// The program on a CUDA device, real or emulated: it does what it does on the CPU, and says what is
// wrong with a device in a line.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "data/store.h"
#include "engine/check_same.h"
#include "engine/rank_devices.h"
#include "kernels/runtime/cuda_device.h"
#include "tests/apps/program.h"
#include "tests/support/cuda_case.h"
#ifdef EKGINE_MPIRUN
#include "tests/support/mpirun.h"
#endif

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// The first beats of the sample records, since an emulated device is slow.
class Program : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = no_cuda_device(); !reason.empty()) GTEST_SKIP() << reason;
    const std::string samples = folder_ / "samples";
    expect_success(ekgine({"preprocess", "--database", EKGINE_SOURCE_DIR "/data/samples",
                           "--output", samples, "--quiet"}));
    const Store whole(samples);
    StoreInfo info = whole.info();
    info.records.clear();
    StoreWriter writer(store_);
    for (const std::string name : {"208", "209", "213"}) {
      RecordBeats record = whole.read(name);
      constexpr std::size_t beats = 30;
      record.beats.resize(beats * beat_samples);
      record.labels.resize(beats);
      record.symbols.resize(beats);
      record.r_samples.resize(beats);
      record.features = {};
      record.waves = {};
      writer.add(record);
      StoreRecord& entry = info.records.emplace_back();
      entry.name = name;
      for (const std::int32_t label : record.labels)
        ++entry.counts[static_cast<std::size_t>(label)];
    }
    writer.commit(info);
  }

  Arguments training(const std::string& device, const std::string& run) const {
    return {"train",
            "--data",
            store_,
            "--train-records",
            "208,209",
            "--test-records",
            "213",
            "--allow-absent-classes",
            "--embed-dim",
            "4",
            "--num-heads",
            "1",
            "--ff-dim-multiplier",
            "1",
            "--kernel-size",
            "3",
            "--batch-size",
            "16",
            "--epochs",
            "1",
            "--threads",
            "1",
            "--device",
            device,
            "--output",
            path(run),
            "--quiet"};
  }
  Json metrics_of(const std::string& run) const {
    return parse_json(read_file(folder_ / (run + "/metrics.json")));
  }
  std::string path(const std::string& name) const { return folder_ / name; }

  // Refused before work starts: one line, and no run directory.
  void refuses(const Arguments& arguments, const ProcessOptions& options,
               const std::string& text) const {
    SCOPED_TRACE(text);
    expect_one_line(ekgine(arguments, options), 1, text);
    EXPECT_FALSE(fs::exists(path("run")));
  }

  TemporaryDirectory folder_;
  const std::string store_ = folder_ / "store";
};

// What the program answers is the same. Its loss is not, quite: AdamW makes a step of the learning
// rate of a gradient that is nothing but rounding, in either direction, and batch statistics of a
// few beats pass it on. What that may come to, tests/cuda/training_test.cpp measures step by step.
void expect_close(const Json& found, const Json& expected) {
  EXPECT_EQ(found.at("confusion"), expected.at("confusion"));
  EXPECT_EQ(found.at("accuracy"), expected.at("accuracy"));
  const auto loss = expected.at("loss").get<double>();
  EXPECT_NEAR(found.at("loss").get<double>(), loss, 0.01 * loss);
}

TEST_F(Program, TrainsAsOnTheCpu) {
  expect_success(ekgine(training("cpu", "on_cpu")));
  expect_success(ekgine(training("cuda", "on_cuda")));
  expect_close(metrics_of("on_cuda"), metrics_of("on_cpu"));

  // Its weights are as good on the CPU.
  const ProcessResult result =
      ekgine({"evaluate", "--weights", path("on_cuda/model.safetensors"), "--data", store_,
              "--records", "213", "--device", "cpu", "--json", "--quiet"});
  expect_success(result);
  expect_close(parse_json(result.out), metrics_of("on_cuda"));

  // And the other way round: a complete run that is resumed is evaluated again.
  const Json on_cpu = metrics_of("on_cpu");
  expect_success(ekgine({"train", "--resume", path("on_cpu"), "--device", "cuda", "--quiet"}));
  expect_close(metrics_of("on_cpu"), on_cpu);
}

TEST_F(Program, GoesOnOnAnotherDevice) {
  const auto start = [&](const std::string& device, const std::string& run) {
    Arguments arguments = training(device, run);
    *(std::find(arguments.begin(), arguments.end(), "--epochs") + 1) = "2";
    // Where the run moves is a matter of moments, and so is what rounding comes to: in small steps
    // it comes to little.
    return arguments + Arguments{"--learning-rate", "2e-5"};
  };
  expect_success(ekgine(start("cpu", "whole")));

  Process process(EKGINE_PROGRAM, start("cuda", "moved"));
  for (int i = 0; i < 20'000 && !fs::exists(path("moved/checkpoint.safetensors")); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  process.send(SIGINT);
  const ProcessResult interrupted = process.wait();
  expect_one_line(interrupted, 130, "interrupted after step ");
  const Json checkpoint = parse_json(read_file(folder_ / "moved/checkpoint.json"));
  EXPECT_GT(checkpoint.at("state").at("step").get<double>(), 0);

  expect_success(ekgine({"train", "--resume", path("moved"), "--device", "cpu", "--quiet"}));
  expect_close(metrics_of("moved"), metrics_of("whole"));
}

#if EKGINE_CUDA_EMULATED

// What the emulated device is told to answer: see emulation/planned_failures.h. Numbers are
// those of driver_types.h, cudnn.h, cublas_api.h and cufft.h.
ProcessOptions failing(const std::string& plan) {
  return {.directory = {}, .environment = {{"EKGINE_EMULATED_FAILURE", plan}}};
}

TEST_F(Program, SaysWhyADeviceCannotBeUsed) {
  const auto cuda = training("cuda", "run");
  refuses(cuda, failing("cudaGetDeviceCount=100"), "device cuda: no CUDA device is there");
  refuses(cuda, failing("cudaGetDeviceCount=35"),
          "device cuda: the NVIDIA driver is missing or older than this build's CUDA; install a "
          "newer one");
  refuses(cuda, failing("cudaFuncGetAttributes=209"),
          "device cuda: this build has no code for emulated device (sm_80) (sm_80, 4 GiB); build "
          "with -DCMAKE_CUDA_ARCHITECTURES=80");
  refuses(cuda, failing("cudaGetDeviceCount=3"),
          "device cuda: initialization error (cudaErrorInitializationError)");
  refuses(cuda, failing("cublasLtCreate=1"), "cublasLtCreate: CUBLAS_STATUS_NOT_INITIALIZED");
  refuses(cuda, failing("cudnnCreate=1001"), "cudnnCreate: CUDNN_STATUS_NOT_INITIALIZED");
  refuses(cuda, failing("cudaStreamCreateWithFlags=2"), "cudaStreamCreateWithFlags(");
}

TEST_F(Program, FallsBackToTheCpuVisiblyOrNotAtAll) {
  Arguments arguments = training("auto", "run");
  arguments.pop_back();  // --quiet
  const ProcessResult result = ekgine(arguments, failing("cudaGetDeviceCount=100"));
  expect_success(result);
  EXPECT_THAT(result.err, HasSubstr("CPU, since no CUDA device is there\n"));
  expect_success(ekgine(training("cpu", "on_cpu")));
  EXPECT_TRUE(weights_of(folder_ / "run") == weights_of(folder_ / "on_cpu"));
}

TEST_F(Program, SaysHowMuchMemoryItAskedForAndHowMuchIsFree) {
  // The workspace fits, the activations do not.
  refuses(training("cuda", "run"),
          {.directory = {}, .environment = {{"EKGINE_EMULATED_MEMORY", "280"}}},
          "of device memory do not fit, ");
  // Nothing fits.
  refuses(training("cuda", "run"),
          {.directory = {}, .environment = {{"EKGINE_EMULATED_MEMORY", "100"}}},
          "workspace: 256 MiB of device memory do not fit, 100 of 100 MiB are free; use a smaller "
          "batch size, or free memory of other programs (--batch-size)");
}

// In the middle of a run. What was there before stays, and can be gone on with.
TEST_F(Program, NamesWhatFailedInTheMiddleOfARun) {
  struct Case {
    std::string plan, text;
  };
  for (const Case& c : {
           Case{"layer_norm_forward=700@3",
                "an illegal memory access was encountered (cudaErrorIllegalAddress); a kernel "
                "before this call failed, EKGINE_SYNC=1 in the environment names it"},
           Case{"cudnnConvolutionForward=5000@4",
                "cudnnConvolutionForward: CUDNN_STATUS_EXECUTION_FAILED"},
           Case{"cublasLtMatmul=13@4", "cublasLtMatmul: CUBLAS_STATUS_EXECUTION_FAILED"},
           Case{"cudaGraphInstantiate=2", "cudaGraphInstantiate("},
       }) {
    SCOPED_TRACE(c.plan);
    fs::remove_all(path("run"));
    expect_one_line(ekgine(training("cuda", "run"), failing(c.plan)), 1, c.text);
    EXPECT_TRUE(fs::exists(path("run/checkpoint.safetensors")));
    EXPECT_FALSE(fs::exists(path("run/model.safetensors")));
  }
  // Beats are too short for cuFFT to transform them; the tests of the kernel are not.
  const ProcessResult transform =
      Process("/proc/self/exe", {"--gtest_filter=*AgreeWithTheCpu/morlet_cwt_f32"},
              failing("cufftExecR2C=6"))
          .wait();
  EXPECT_NE(transform.status, 0);
  EXPECT_THAT(transform.out, HasSubstr("cufftExecR2C: CUFFT_EXEC_FAILED; morlet_cwt"));

  fs::remove_all(path("run"));
  ProcessOptions one_by_one = failing("layer_norm_forward=700@3");
  one_by_one.environment.emplace_back("EKGINE_SYNC", "1");
  expect_one_line(ekgine(training("cuda", "run"), one_by_one), 1,
                  ::testing::ContainsRegex("ekgine: layer_norm_forward on a grid of .*: an illegal "
                                           "memory access was encountered"));
}

#endif

#ifdef EKGINE_MPIRUN

class RanksOnDevices : public Program {
 protected:
  void SetUp() override {
    use_devices(2);
    if (CudaDevice::count() < 2) GTEST_SKIP() << "two GPUs are needed";
    if (device_ranks_library().empty()) GTEST_SKIP() << "this build has no NCCL";
    Program::SetUp();
  }
  void TearDown() override { ::unsetenv("EKGINE_EMULATED_DEVICES"); }

  // Of the emulated machine, in the programs that are started from now on.
  static void use_devices(int count) {
    ::setenv("EKGINE_EMULATED_DEVICES", std::to_string(count).c_str(), 1);
  }
  Arguments two_epochs(const std::string& run) const {
    Arguments arguments = training("cuda", run);
    *(std::find(arguments.begin(), arguments.end(), "--epochs") + 1) = "2";
    return Arguments{EKGINE_PROGRAM} + arguments;
  }
};

// Stopped in between or not: the same bits. What they make of the test record is what one device
// makes of it.
TEST_F(RanksOnDevices, TrainStopAndGoOnAsOne) {
  expect_success(mpirun(2, two_epochs("whole")));
  {
    Process stopped = start_mpirun(2, two_epochs("stopped"));
    for (int i = 0; i < 60'000 && !fs::exists(path("stopped/history.jsonl")); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    stopped.send(SIGUSR1);
    const ProcessResult result = stopped.wait(std::chrono::seconds(120));
    ASSERT_EQ(result.status, 130) << result.err;
    EXPECT_THAT(result.err, HasSubstr("ekgine: interrupted after step "));
  }
  expect_success(mpirun(2, {EKGINE_PROGRAM, "train", "--resume", path("stopped"), "--quiet"}));
  EXPECT_TRUE(weights_of(path("stopped")) == weights_of(path("whole")));
  const ProcessResult evaluated =
      ekgine({"evaluate", "--weights", path("whole/model.safetensors"), "--data", store_,
              "--records", "213", "--device", "cuda", "--json", "--quiet"});
  expect_success(evaluated);
  EXPECT_EQ(parse_json(evaluated.out).at("loss"), metrics_of("whole").at("loss"));
}

#if EKGINE_CUDA_EMULATED

TEST_F(RanksOnDevices, NeedADeviceEach) {
  const auto refused = [&](int ranks, int devices, const std::string& device) {
    use_devices(devices);
    const ProcessResult result = mpirun(ranks, Arguments{EKGINE_PROGRAM} + training(device, "run"));
    EXPECT_EQ(result.status, 1) << result.err;
    EXPECT_FALSE(fs::exists(path("run")));
    return result.err;
  };
  EXPECT_THAT(refused(3, 2, "cuda"),
              HasSubstr("ekgine: rank 2 on " + host_name() +
                        ": there is no CUDA device 2 for it, it sees 2; start as many ranks on a "
                        "machine as it has GPUs\n"));
  EXPECT_THAT(refused(2, 1, "cuda"), HasSubstr("ekgine: ranks 0 and 1 on " + host_name() +
                                               " have the same GPU, 0000:01:00.0; each needs one "
                                               "of its own\n"));
  EXPECT_THAT(refused(2, 2, "cuda:1"), HasSubstr("have the same GPU, 0000:02:00.0"));
  // They compute on the CPU where there are not enough.
  use_devices(1);
  expect_success(mpirun(2, Arguments{EKGINE_PROGRAM} + training("auto", "auto")));
  expect_success(mpirun(2, Arguments{EKGINE_PROGRAM} + training("cpu", "cpu")));
  EXPECT_TRUE(weights_of(path("auto")) == weights_of(path("cpu")));
}

// The device that hangs is given up, whether NCCL says why or not.
TEST_F(RanksOnDevices, ADeviceThatWaitsForEverEndsTheJob) {
  const auto failed = [&](const char* plan) {
    ::setenv("EKGINE_EMULATED_FAILURE", plan, 1);
    fs::remove_all(path("run"));
    const ProcessResult result = mpirun(
        2, Arguments{EKGINE_PROGRAM} + training("cuda", "run") + Arguments{"--rank-timeout", "5"});
    ::unsetenv("EKGINE_EMULATED_FAILURE");
    EXPECT_EQ(result.status, 1) << result.err;
    EXPECT_FALSE(result.timed_out);
    EXPECT_TRUE(fs::exists(path("run/checkpoint.safetensors")));
    return result.err;
  };
  EXPECT_THAT(failed("ncclCommGetAsyncError=6@8"),
              AllOf(HasSubstr(" on " + host_name() + ", step "),
                    HasSubstr(": NCCL, while the device was at work: remote process exited or "
                              "there was a network error: planned\n")));
  EXPECT_THAT(failed("ncclCommGetAsyncError=7@8"),
              AllOf(HasSubstr(" on " + host_name() + ", step "),
                    HasSubstr(": the other ranks have not answered for 5 s\n")));
}

#endif
#endif

}  // namespace
}  // namespace ekgine::testing
