// The emulated NCCL: what it computes, and every fault that it claims to find, planted between
// processes, each beside the same calls without it.
#include <cuda_runtime_api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nccl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "emulation/emulation.h"
#include "tests/support/process_ranks.h"

namespace ekgine::emulation {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using testing::in_processes;

constexpr std::size_t elements = 100, array_bytes = elements * sizeof(float);

// What a rank works with.
struct Rank {
  explicit Rank(Ranks& all) : ranks(all), rank(all.rank()), count(all.count()) {}

  Ranks& ranks;
  int rank, count;
  ncclComm_t communicator = nullptr;
  cudaStream_t stream = nullptr, other = nullptr;
  float *in = nullptr, *out = nullptr;
  std::string said;  // by calls that failed

  void expect(ncclResult_t result) {
    if (result == ncclSuccess) return;
    said += fmt::format("{}: {}\n", ncclGetErrorString(result), ncclGetLastError(communicator));
  }
  void all_reduce(std::size_t size = elements, ncclRedOp_t operation = ncclSum) {
    expect(ncclAllReduce(in, out, size, ncclFloat32, operation, communicator, stream));
  }
  void broadcast(int root = 0, std::size_t size = elements) {
    expect(ncclBroadcast(in, out, size, ncclFloat32, root, communicator, stream));
  }
  float first() const {
    float value = 0;
    static_cast<void>(cudaMemcpyAsync(&value, out, sizeof value, cudaMemcpyDeviceToHost, stream));
    static_cast<void>(cudaStreamSynchronize(stream));
    return value;
  }
};

void make(Rank& r, int device) {
  ::setenv("EKGINE_EMULATED_DEVICES", "4", 1);
  static_cast<void>(cudaSetDevice(device));
  static_cast<void>(cudaStreamCreateWithFlags(&r.stream, cudaStreamNonBlocking));
  static_cast<void>(cudaStreamCreateWithFlags(&r.other, cudaStreamNonBlocking));
  static_cast<void>(cudaMalloc(reinterpret_cast<void**>(&r.in), array_bytes));
  static_cast<void>(cudaMalloc(reinterpret_cast<void**>(&r.out), array_bytes));
  std::vector<float> values(elements, static_cast<float>(r.rank + 1));
  static_cast<void>(
      cudaMemcpyAsync(r.in, values.data(), array_bytes, cudaMemcpyHostToDevice, r.stream));
  static_cast<void>(cudaStreamSynchronize(r.stream));
}

void join(Rank& r) {
  ncclUniqueId id{};
  if (r.rank == 0) r.expect(ncclGetUniqueId(&id));
  id = r.ranks.gather(id).front();
  r.expect(ncclCommInitRank(&r.communicator, r.count, id, r.rank));
}

// What each rank's calls and device have to say, "" where all is well, after body(rank).
std::vector<std::string> said(int count, const std::function<void(Rank&)>& body,
                              const std::function<void(Rank&)>& start = join) {
  return in_processes(count, [&](Ranks& ranks) {
    Rank r(ranks);
    make(r, r.rank);
    start(r);
    body(r);
    static_cast<void>(cudaDeviceSynchronize());
    if (r.communicator != nullptr) r.expect(ncclCommDestroy(r.communicator));
    static_cast<void>(cudaStreamDestroy(r.stream));
    static_cast<void>(cudaStreamDestroy(r.other));
    static_cast<void>(cudaFree(r.in));
    static_cast<void>(cudaFree(r.out));
    for (const std::string& fault : take_faults()) r.said += fault + "\n";
    for (const std::string& leak : leaks()) r.said += leak + "\n";
    return r.said;
  });
}

TEST(Nccl, ComputesWhatItsNamesSay) {
  for (int count = 1; count <= 4; ++count) {
    const auto found = in_processes(count, [](Ranks& ranks) {
      Rank r(ranks);
      make(r, r.rank);
      join(r);
      std::string text;
      r.all_reduce();
      text += fmt::format("{} ", r.first());
      r.all_reduce(elements, ncclAvg);
      text += fmt::format("{} ", r.first());
      r.all_reduce(elements, ncclMax);
      text += fmt::format("{} ", r.first());
      r.all_reduce(elements, ncclMin);
      text += fmt::format("{} ", r.first());
      const int root = r.count - 1;
      r.expect(ncclReduce(r.in, r.rank == root ? r.out : nullptr, elements, ncclFloat32, ncclSum,
                          root, r.communicator, r.stream));
      text += r.rank == root ? fmt::format("{} ", r.first()) : "- ";
      r.broadcast(root);
      text += fmt::format("{}", r.first());
      // In place, as one launch.
      r.expect(ncclGroupStart());
      for (int i = 0; i < 2; ++i) {
        r.expect(
            ncclAllReduce(r.in, r.in, elements, ncclFloat32, ncclSum, r.communicator, r.stream));
      }
      r.expect(ncclGroupEnd());
      r.broadcast(0);
      text += fmt::format(" {}", r.first());
      r.expect(ncclCommDestroy(r.communicator));
      return text + r.said;
    });
    const int sum = count * (count + 1) / 2;
    for (int rank = 0; rank < count; ++rank) {
      EXPECT_EQ(found[static_cast<std::size_t>(rank)],
                fmt::format("{} {} {} 1 {} {} {}", sum,
                            static_cast<float>(sum) / static_cast<float>(count), count,
                            rank == count - 1 ? std::to_string(sum) : "-", count, sum * count));
    }
  }
}

// A float would not tell these ranks' sums apart.
TEST(Nccl, AddsUpDoubles) {
  const auto found = in_processes(2, [&](Ranks& ranks) {
    Rank r(ranks);
    make(r, r.rank);
    join(r);
    const double mine = r.rank == 0 ? 1 : 0x1p-40;
    double sum = 0;
    static_cast<void>(cudaMemcpy(r.in, &mine, sizeof mine, cudaMemcpyHostToDevice));
    r.expect(ncclAllReduce(r.in, r.in, 1, ncclFloat64, ncclSum, r.communicator, r.stream));
    static_cast<void>(cudaStreamSynchronize(r.stream));
    static_cast<void>(cudaMemcpy(&sum, r.in, sizeof sum, cudaMemcpyDeviceToHost));
    r.expect(ncclCommDestroy(r.communicator));
    return fmt::format("{:a}", sum) + r.said;
  });
  EXPECT_THAT(found, Each(fmt::format("{:a}", 1 + 0x1p-40)));
}

// Sums are in the order of a ring that begins with another rank in each block: not always that of
// the ranks, but always the same.
TEST(Nccl, SumsInAnOrderThatTheSeedDraws) {
  const auto sums = [](std::uint64_t seed) {
    return in_processes(3, [&](Ranks& ranks) {
      set_seed(seed);
      Rank r(ranks);
      make(r, r.rank);
      join(r);
      const float of_rank[] = {1e8F, 3, -1e8F};
      const std::vector<float> values(elements, of_rank[r.rank]);
      static_cast<void>(
          cudaMemcpyAsync(r.in, values.data(), array_bytes, cudaMemcpyHostToDevice, r.stream));
      r.all_reduce();
      std::vector<float> all(elements);
      static_cast<void>(
          cudaMemcpyAsync(all.data(), r.out, array_bytes, cudaMemcpyDeviceToHost, r.stream));
      static_cast<void>(cudaStreamSynchronize(r.stream));
      r.expect(ncclCommDestroy(r.communicator));
      return fmt::format("{} {}{}", all.front(), all.back(), r.said);
    });
  };
  EXPECT_THAT(sums(0), Each("0 0"));
  EXPECT_EQ(sums(5), sums(5));
  bool other = false;
  for (std::uint64_t seed = 1; seed < 9; ++seed) {
    const std::vector<std::string> found = sums(seed);
    EXPECT_THAT(found, Each(found.front()));
    other = other || found.front() != "0 0";
  }
  EXPECT_TRUE(other);
}

// ----------------------------------------------------------------- ranks that do not do the same

TEST(NcclFaults, CallsThatDifferAreToldToAllWithBothLines) {
  const auto differ = [](const std::function<void(Rank&)>& sound,
                         const std::function<void(Rank&)>& another) {
    EXPECT_THAT(said(3, sound), Each("")) << "without the fault";
    return said(3, [&](Rank& r) { r.rank == 1 ? another(r) : sound(r); });
  };
  const auto plain = [](Rank& r) { r.all_reduce(); };
  EXPECT_THAT(differ(plain, [](Rank& r) { r.all_reduce(elements - 1); }),
              Each(AllOf(HasSubstr("the ranks disagree: rank 0: call 1, ncclAllReduce of 100 "
                                   "ncclFloat32, ncclSum, queued, called at tests/emulation/"
                                   "nccl_test.cpp:"),
                         HasSubstr("; rank 1: call 1, ncclAllReduce of 99 ncclFloat32"))));
  EXPECT_THAT(differ(plain, [](Rank& r) { r.all_reduce(elements, ncclAvg); }),
              Each(AllOf(HasSubstr("ncclSum"), HasSubstr("ncclAvg"))));
  EXPECT_THAT(differ([](Rank& r) { r.broadcast(); },
                     [](Rank& r) {
                       r.expect(ncclBroadcast(r.in, r.out, elements, ncclInt32, 0, r.communicator,
                                              r.stream));
                     }),
              Each(AllOf(HasSubstr("100 ncclFloat32"), HasSubstr("100 ncclInt32"))));
  EXPECT_THAT(differ([](Rank& r) { r.broadcast(0); }, [](Rank& r) { r.broadcast(2); }),
              Each(AllOf(HasSubstr("root 0"), HasSubstr("root 2"))));
  EXPECT_THAT(differ(
                  [](Rank& r) {
                    r.all_reduce();
                    r.broadcast();
                  },
                  [](Rank& r) {
                    r.broadcast();
                    r.all_reduce();
                  }),
              Each(AllOf(HasSubstr("call 1, ncclAllReduce"), HasSubstr("call 1, ncclBroadcast"))));
}

TEST(NcclFaults, ACallThatARankLeavesOut) {
  const auto twice = [](Rank& r) {
    r.all_reduce();
    r.all_reduce();
  };
  EXPECT_THAT(said(2, twice), Each(""));
  // It then makes another one, ...
  EXPECT_THAT(said(2,
                   [](Rank& r) {
                     r.all_reduce();
                     if (r.rank == 0) r.all_reduce();
                     r.broadcast();
                   }),
              Each(AllOf(HasSubstr("call 2, ncclAllReduce"), HasSubstr("call 2, ncclBroadcast"))));
  // ... leaves, ...
  EXPECT_THAT(said(2,
                   [](Rank& r) {
                     if (r.rank == 0) r.all_reduce();
                   })[0],
              HasSubstr("rank 1 has left, while others wait: rank 0: call 1, ncclAllReduce"));
  // ... or does something else.
  ::setenv("EKGINE_EMULATED_PATIENCE", "1", 1);
  EXPECT_THAT(said(2,
                   [](Rank& r) {
                     if (r.rank == 0) r.all_reduce();
                     r.ranks.any(false);
                   })[0],
              HasSubstr("rank 1 has not come, others wait: rank 0: call 1, ncclAllReduce"));
  ::unsetenv("EKGINE_EMULATED_PATIENCE");
}

TEST(NcclFaults, ARankThatIsKilled) {
  try {
    said(2, [](Rank& r) {
      r.all_reduce();
      if (r.rank == 1) ::raise(SIGKILL);
      r.all_reduce();
      r.first();
      fail("{}", ncclGetLastError(r.communicator));
    });
    FAIL() << "nobody noticed";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("rank 1 has ended, while others wait: rank 0: call 2"));
  }
}

TEST(NcclFaults, CapturedByOneRankOnly) {
  const auto run = [](Rank& r, bool captured) {
    if (!captured) return r.all_reduce();
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    static_cast<void>(cudaStreamBeginCapture(r.stream, cudaStreamCaptureModeThreadLocal));
    r.all_reduce();
    static_cast<void>(cudaStreamEndCapture(r.stream, &graph));
    static_cast<void>(cudaGraphInstantiate(&executable, graph, 0));
    static_cast<void>(cudaGraphLaunch(executable, r.stream));
    static_cast<void>(cudaStreamSynchronize(r.stream));
    static_cast<void>(cudaGraphExecDestroy(executable));
    static_cast<void>(cudaGraphDestroy(graph));
  };
  EXPECT_THAT(said(2, [&](Rank& r) { run(r, true); }), Each(""));
  EXPECT_THAT(said(2, [&](Rank& r) { run(r, r.rank == 0); }),
              Each(AllOf(HasSubstr("ncclSum, captured"), HasSubstr("ncclSum, queued"))));
}

// ------------------------------------------------------------------------ the communicator's life

TEST(NcclFaults, DestroyedWhileAGraphLives) {
  const auto run = [](Rank& r, bool early) {
    cudaGraph_t graph = nullptr;
    static_cast<void>(cudaStreamBeginCapture(r.stream, cudaStreamCaptureModeThreadLocal));
    r.all_reduce();
    static_cast<void>(cudaStreamEndCapture(r.stream, &graph));
    if (early) {
      r.expect(ncclCommDestroy(r.communicator));
      r.communicator = nullptr;
    }
    static_cast<void>(cudaGraphDestroy(graph));
  };
  EXPECT_THAT(said(2, [&](Rank& r) { run(r, false); }), Each(""));
  EXPECT_THAT(said(2, [&](Rank& r) { run(r, true); }),
              Each(HasSubstr("ncclCommDestroy: a graph lives into which collectives of this "
                             "communicator were captured")));
}

TEST(NcclFaults, UsedAfterItWasAborted) {
  EXPECT_THAT(said(2,
                   [](Rank& r) {
                     r.expect(ncclCommAbort(r.communicator));
                     r.all_reduce();
                     r.communicator = nullptr;
                   }),
              Each(HasSubstr("ncclAllReduce: no communicator, or one that was destroyed or "
                             "aborted")));
}

TEST(NcclFaults, Leaked) {
  EXPECT_THAT(said(2, [](Rank& r) { r.communicator = nullptr; }),
              Each(HasSubstr("leak: an NCCL communicator")));
}

TEST(NcclFaults, TwoThreads) {
  EXPECT_THAT(said(2, [](Rank& r) { std::thread([&] { r.all_reduce(); }).join(); }),
              Each(HasSubstr("a second thread calls with one communicator")));
}

TEST(NcclFaults, AWrongRankCountOrId) {
  const auto start_with =
      [](const std::function<void(Rank&, int& rank, int& count, ncclUniqueId& id)>& change) {
        return said(
            2, [](Rank&) {},
            [change](Rank& r) {
              ncclUniqueId id{};
              if (r.rank == 0) r.expect(ncclGetUniqueId(&id));
              id = r.ranks.gather(id).front();
              int rank = r.rank, count = r.count;
              if (r.rank == 1) change(r, rank, count, id);
              r.expect(ncclCommInitRank(&r.communicator, count, id, rank));
              r.ranks.any(false);
            });
      };
  ::setenv("EKGINE_EMULATED_PATIENCE", "1", 1);
  EXPECT_THAT(start_with([](Rank&, int&, int&, ncclUniqueId&) {}), Each(""));
  EXPECT_THAT(start_with([](Rank&, int& rank, int&, ncclUniqueId&) { rank = 0; }),
              Each(HasSubstr("there is no rank 1, or one twice")));
  EXPECT_THAT(start_with([](Rank&, int& rank, int&, ncclUniqueId&) { rank = 2; })[1],
              HasSubstr("ncclCommInitRank: rank 2 of 2"));
  EXPECT_THAT(
      start_with([](Rank&, int&, int& count, ncclUniqueId&) { count = 3; }),
      Each(AllOf(HasSubstr("rank 0: one of 2 ranks"), HasSubstr("rank 1: one of 3 ranks"))));
  const auto found =
      start_with([](Rank&, int&, int&, ncclUniqueId& id) { std::strcpy(id.internal, "another"); });
  EXPECT_THAT(found[0], HasSubstr("rank 1 has not come, others wait: rank 0: one of 2 ranks"));
  EXPECT_THAT(found[1], HasSubstr("nobody answers to the id"));
  ::unsetenv("EKGINE_EMULATED_PATIENCE");
}

TEST(NcclFaults, TwoRanksOnOneDevice) {
  EXPECT_THAT(said(
                  2, [](Rank&) {},
                  [](Rank& r) {
                    static_cast<void>(cudaSetDevice(3));
                    join(r);
                  }),
              Each(HasSubstr("duplicate GPU: ranks 0 and 1 are both on CUDA device 3")));
}

// An asynchronous error: who looks for it sees it, who only waits would wait for ever.
TEST(NcclFaults, AnErrorThatNeverEnds) {
  const auto found = in_processes(2, [](Ranks& ranks) {
    ::setenv("EKGINE_EMULATED_FAILURE", "ncclCommGetAsyncError=6@2", 1);
    Rank r(ranks);
    make(r, r.rank);
    join(r);
    ncclResult_t error = ncclSuccess;
    r.all_reduce();
    const bool first = cudaStreamSynchronize(r.stream) == cudaSuccess;
    r.expect(ncclCommGetAsyncError(r.communicator, &error));
    std::string text = fmt::format("{} {}, ", first, static_cast<int>(error));
    r.all_reduce();
    for (int i = 0; i < 3; ++i)
      text += cudaGetErrorName(cudaStreamQuery(r.stream)) + std::string(" ");
    r.expect(ncclCommGetAsyncError(r.communicator, &error));
    r.expect(ncclCommAbort(r.communicator));
    text += fmt::format("{}, {}", static_cast<int>(error),
                        cudaGetErrorName(cudaStreamSynchronize(r.stream)));
    return text + r.said;
  });
  EXPECT_THAT(found, Each("true 0, cudaErrorNotReady cudaErrorNotReady cudaErrorNotReady 6, "
                          "cudaErrorLaunchFailure"));
  const auto waited = in_processes(1, [](Ranks& ranks) {
    ::setenv("EKGINE_EMULATED_FAILURE", "ncclCommGetAsyncError=6", 1);
    Rank r(ranks);
    make(r, 0);
    join(r);
    r.all_reduce();
    const std::string text = cudaGetErrorName(cudaStreamSynchronize(r.stream));
    return text + take_faults().front();
  });
  EXPECT_THAT(waited.front(), AllOf(HasSubstr("cudaErrorLaunchTimeout"),
                                    HasSubstr("the host waits for ncclAllReduce, called at "
                                              "tests/emulation/nccl_test.cpp:"),
                                    HasSubstr("which never ends")));
}

// ------------------------------------------------------------------------------------ the memory

TEST(NcclFaults, WrongMemory) {
  const auto all_reduce = [](const std::function<void(Rank&, const float*&, float*&)>& change) {
    return said(2, [&](Rank& r) {
      const float* from = r.in;
      float* to = r.out;
      change(r, from, to);
      r.expect(ncclAllReduce(from, to, elements, ncclFloat32, ncclSum, r.communicator, r.stream));
    });
  };
  EXPECT_THAT(all_reduce([](Rank&, const float*&, float*&) {}), Each(""));
  EXPECT_THAT(all_reduce([](Rank& r, const float*&, float*& to) { to = r.in; }), Each(""));
  static float on_host[elements] = {};
  EXPECT_THAT(all_reduce([](Rank&, const float*& from, float*&) { from = on_host; }),
              Each(HasSubstr("sendbuff")));
  EXPECT_THAT(all_reduce([](Rank&, const float*&, float*& to) { to = on_host; }),
              Each(HasSubstr("is not device memory of 400 bytes")));
  EXPECT_THAT(all_reduce([](Rank&, const float*&, float*& to) { ++to; }),
              Each(HasSubstr("recvbuff")));
  EXPECT_THAT(all_reduce([](Rank& r, const float*& from, float*&) {
                from = r.out;  // never written
              }),
              Each(HasSubstr("uninitialised")));
  EXPECT_THAT(all_reduce([](Rank& r, const float*& from, float*&) {
                static_cast<void>(cudaFree(r.in));
                from = r.in;
                r.in = nullptr;
              }),
              Each(HasSubstr("sendbuff")));
}

TEST(NcclFaults, ArraysThatOverlapButAreNotInPlace) {
  const auto run = [](std::size_t offset) {
    return said(2, [offset](Rank& r) {
      float* both = nullptr;
      static_cast<void>(cudaMalloc(reinterpret_cast<void**>(&both), 2 * array_bytes));
      static_cast<void>(cudaMemsetAsync(both, 0, 2 * array_bytes, r.stream));
      r.expect(ncclAllReduce(both, both + offset, elements, ncclFloat32, ncclSum, r.communicator,
                             r.stream));
      static_cast<void>(cudaStreamSynchronize(r.stream));
      static_cast<void>(cudaFree(both));
    });
  };
  EXPECT_THAT(run(0), Each(""));
  EXPECT_THAT(run(elements), Each(""));
  EXPECT_THAT(run(elements / 2), Each(HasSubstr("sendbuff and recvbuff overlap, not in place")));
}

TEST(NcclFaults, AnotherStreamWithoutAnEvent) {
  const auto run = [](bool ordered) {
    return said(2, [ordered](Rank& r) {
      cudaEvent_t event = nullptr;
      static_cast<void>(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
      static_cast<void>(cudaMemsetAsync(r.in, 0, array_bytes, r.other));
      static_cast<void>(cudaEventRecord(event, r.other));
      if (ordered) static_cast<void>(cudaStreamWaitEvent(r.stream, event, 0));
      r.all_reduce();
      static_cast<void>(cudaDeviceSynchronize());
      static_cast<void>(cudaEventDestroy(event));
    });
  };
  EXPECT_THAT(run(true), Each(""));
  EXPECT_THAT(run(false), Each(HasSubstr("ncclAllReduce")));
}

}  // namespace
}  // namespace ekgine::emulation
