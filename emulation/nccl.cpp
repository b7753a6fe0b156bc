// NCCL, as much of it as the project calls, between processes of one machine, each with an emulated
// device: see emulation/nccl_meeting.h. A communicator belongs to one thread, which is more than
// NCCL asks.
#include <fmt/format.h>
#include <nccl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "emulation/device.h"
#include "emulation/device_access.h"
#include "emulation/library.h"
#include "emulation/nccl_meeting.h"
#include "emulation/operations.h"
#include "emulation/streams.h"
#include "emulation/symbols.h"

struct ncclComm {
  int rank = 0, count = 0;
  std::thread::id thread;
  std::unique_ptr<ekgine::emulation::Meeting> meeting;
  std::uint64_t calls = 0;  // that have run
  ncclResult_t error = ncclSuccess;
  std::string reason;
  bool given_up = false;
  // Copied into what is queued, and into graphs.
  std::shared_ptr<int> queued = std::make_shared<int>(), captured = std::make_shared<int>();
};

namespace ekgine::emulation {
namespace {

#define HERE LibraryCall(__func__, __builtin_return_address(0))

Handles<ncclComm> communicators("an NCCL communicator");
std::string last_reason;

ncclResult_t refuse(const LibraryCall& call, ncclResult_t status, const std::string& what) {
  last_reason = what;
  return call.refuse(status, what);
}

bool usable(const LibraryCall& call, ncclComm_t communicator) {
  if (!communicators.contains(communicator)) {
    call.fault("no communicator, or one that was destroyed or aborted");
    return false;
  }
  if (communicator->thread == std::this_thread::get_id()) return true;
  call.fault("a second thread calls with one communicator");
  return false;
}

struct Type {
  const char* name;
  std::size_t bytes;
};
Type type_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
      return {"ncclInt8", 1};
    case ncclInt32:
      return {"ncclInt32", 4};
    case ncclFloat32:
      return {"ncclFloat32", 4};
    case ncclFloat64:
      return {"ncclFloat64", 8};
    case ncclBfloat16:
      return {"ncclBfloat16", 2};
    default:
      return {"another type", 0};
  }
}

struct Reduction {
  const char* name;
  Together what;
};
Reduction reduction_of(ncclRedOp_t operation) {
  switch (operation) {
    case ncclSum:
      return {"ncclSum", Together::sum};
    case ncclAvg:
      return {"ncclAvg", Together::average};
    case ncclMax:
      return {"ncclMax", Together::largest};
    case ncclMin:
      return {"ncclMin", Together::smallest};
    default:
      return {"another operation", Together::broadcast};
  }
}

// A collective as one rank calls it.
struct Collective {
  ncclComm_t communicator;
  cudaStream_t stream;
  const char* function;
  const void* caller;
  Together what;
  bool doubles;       // and not floats
  int root;           // −1: none
  std::string text;   // function, count, type, operation, root
  const char* send;   // null: this rank gives nothing
  char* receive;      // null: it gets nothing
  std::size_t bytes;  // of either
};

// What a stream does of a group of them, one after another.
class Run {
 public:
  Run(std::vector<Collective> calls, bool captured, std::shared_ptr<int> holds)
      : calls_(std::move(calls)), captured_(captured), holds_(std::move(holds)) {}

  cudaError_t operator()() {
    ncclComm& of = *calls_.front().communicator;
    if (!stuck_) {
      stuck_ = true;
      for (const Collective& call : calls_) {
        if (!run(call)) break;
        if (&call == &calls_.back()) stuck_ = false;
      }
    }
    if (!stuck_) return cudaSuccess;
    // A real device goes on with garbage, which is of no use to see.
    return of.given_up ? cudaErrorLaunchFailure : cudaErrorNotReady;
  }

 private:
  // False: it does not end.
  bool run(const Collective& call) {
    ncclComm& of = *call.communicator;
    if (of.given_up || of.error != ncclSuccess) return false;
    ++of.calls;
    if (const int planned = planned_failure("ncclCommGetAsyncError"); planned != 0) {
      if (planned != ncclInProgress) of.error = static_cast<ncclResult_t>(planned);
      of.reason = "planned";
      return false;
    }
    MeetingCall brought{.what = call.what,
                        .root = call.root,
                        .text = fmt::format("call {}, {}, {}", of.calls, call.text,
                                            captured_ ? "captured" : "queued"),
                        .place = source_line(call.caller),
                        .doubles = call.doubles,
                        .bytes = {}};
    if (call.send != nullptr && device_reads(call.send, call.bytes, "sendbuff")) {
      brought.bytes.assign(call.send, call.send + call.bytes);
    }
    try {
      const std::vector<char> result = of.meeting->bring(brought);
      if (call.receive != nullptr && device_writes(call.receive, call.bytes, "recvbuff")) {
        std::memcpy(call.receive, result.data(), std::min(call.bytes, result.size()));
      }
      return true;
    } catch (const MeetingError& error) {
      LibraryCall(call.function, call.caller).fault(error.text);
      of.reason = error.text;
      of.error = ncclRemoteError;
      return false;
    }
  }

  std::vector<Collective> calls_;
  bool captured_;
  std::shared_ptr<int> holds_;
  bool stuck_ = false;
};

// Groups are of a thread.
thread_local int group_depth = 0;
thread_local std::vector<Collective> group;

ncclResult_t queue(const LibraryCall& call, std::vector<Collective> calls) {
  if (calls.empty()) return ncclSuccess;
  const Collective& first = calls.front();
  for (const Collective& other : calls) {
    if (other.communicator == first.communicator && other.stream == first.stream) continue;
    return refuse(call, ncclInvalidUsage,
                  "groups of several communicators or streams are not emulated");
  }
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  if (capture_status(first.stream, &status) != cudaSuccess) {
    return refuse(call, ncclInvalidArgument, "no such stream");
  }
  const bool captured = status != cudaStreamCaptureStatusNone;
  const std::shared_ptr<int> holds =
      captured ? first.communicator->captured : first.communicator->queued;
  const std::string name = calls.size() == 1 ? first.function : "ncclGroup";
  cudaStream_t const stream = first.stream;
  const cudaError_t queued =
      enqueue(stream, name, Run(std::move(calls), captured, holds), call.caller(), true);
  if (queued == cudaSuccess) return ncclSuccess;
  return refuse(call, ncclUnhandledCudaError,
                fmt::format("the stream refuses work: {}", cudaGetErrorName(queued)));
}

bool overlap(const char* a, const char* b, std::size_t bytes) {
  return a != b && a < b + bytes && b < a + bytes;
}

struct Arguments {
  const void* send;
  void* receive;
  std::size_t count;
  ncclDataType_t type;
  const ncclRedOp_t* operation;  // null: none
  int root;                      // −1: none
  ncclComm_t communicator;
  cudaStream_t stream;
};

ncclResult_t collective(const LibraryCall& call, const Arguments& a) {
  if (const auto status = call.planned<ncclResult_t>(); status != ncclSuccess) return status;
  if (!usable(call, a.communicator)) return ncclInvalidArgument;
  const ncclComm& of = *a.communicator;
  const Type type = type_of(a.type);
  const Reduction reduction =
      a.operation == nullptr ? Reduction{"", Together::broadcast} : reduction_of(*a.operation);
  if (type.bytes == 0 ||
      (a.operation != nullptr && (reduction.what == Together::broadcast ||
                                  (a.type != ncclFloat32 && a.type != ncclFloat64)))) {
    return refuse(call, ncclInvalidArgument,
                  fmt::format("{} of {} is not emulated", reduction.name, type.name));
  }
  if (a.root < -1 || a.root >= of.count) {
    return refuse(call, ncclInvalidArgument, fmt::format("root {} of {} ranks", a.root, of.count));
  }
  const bool is_root = a.root < 0 || a.root == of.rank;
  const bool sends = a.operation != nullptr || is_root, gets = a.operation == nullptr || is_root;
  const std::size_t bytes = a.count * type.bytes;
  if ((sends && !call.is_device_array("sendbuff", a.send, bytes, type.bytes)) ||
      (gets && !call.is_device_array("recvbuff", a.receive, bytes, type.bytes))) {
    return ncclInvalidArgument;
  }
  Collective made{.communicator = a.communicator,
                  .stream = a.stream,
                  .function = call.function(),
                  .caller = call.caller(),
                  .what = reduction.what,
                  .doubles = a.type == ncclFloat64,
                  .root = a.root,
                  .text = fmt::format("{} of {} {}{}{}{}", call.function(), a.count, type.name,
                                      a.operation == nullptr ? "" : ", ", reduction.name,
                                      a.root < 0 ? "" : fmt::format(", root {}", a.root)),
                  .send = sends ? static_cast<const char*>(a.send) : nullptr,
                  .receive = gets ? static_cast<char*>(a.receive) : nullptr,
                  .bytes = bytes};
  if (sends && gets && overlap(made.send, made.receive, bytes)) {
    return refuse(call, ncclInvalidArgument, "sendbuff and recvbuff overlap, not in place");
  }
  if (group_depth == 0) return queue(call, {made});
  group.push_back(std::move(made));
  return ncclSuccess;
}

// Ends it. What is queued, or could be launched again, must not need it.
ncclResult_t end(const LibraryCall& call, ncclComm_t communicator, bool aborts) {
  if (!usable(call, communicator)) return ncclInvalidArgument;
  if (!aborts && communicator->captured.use_count() > 1) {
    call.fault("a graph lives into which collectives of this communicator were captured");
  }
  if (communicator->queued.use_count() > 1) {
    if (!aborts) call.fault("collectives of this communicator are still queued");
    // They find it given up before it goes.
    communicator->given_up = true;
    while (communicator->queued.use_count() > 1) Operations::get().go_on();
  }
  communicators.destroy(communicator);
  return ncclSuccess;
}

}  // namespace
}  // namespace ekgine::emulation

using namespace ekgine::emulation;

extern "C" {

ncclResult_t ncclGetVersion(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error";
    case ncclSystemError:
      return "unhandled system error";
    case ncclInternalError:
      return "internal error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
    default:
      return "unknown result code";
  }
}

const char* ncclGetLastError(ncclComm_t communicator) {
  if (communicators.contains(communicator) && !communicator->reason.empty()) {
    return communicator->reason.c_str();
  }
  return last_reason.c_str();
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  const LibraryCall call = HERE;
  if (const auto status = call.planned<ncclResult_t>(); status != ncclSuccess) return status;
  std::memset(id, 0, sizeof *id);
  try {
    const std::string name = open_meeting();
    std::memcpy(id->internal, name.data(), std::min(name.size(), sizeof id->internal - 1));
    return ncclSuccess;
  } catch (const MeetingError& error) {
    return refuse(call, ncclSystemError, error.text);
  }
}

ncclResult_t ncclCommInitRank(ncclComm_t* communicator, int count, ncclUniqueId id, int rank) {
  const LibraryCall call = HERE;
  if (const auto status = call.planned<ncclResult_t>(); status != ncclSuccess) return status;
  if (rank < 0 || rank >= count) {
    return refuse(call, ncclInvalidArgument, fmt::format("rank {} of {}", rank, count));
  }
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::string device = fmt::format("CUDA device {} of {}", device_number(), host.data());
  const std::string name(id.internal, ::strnlen(id.internal, sizeof id.internal));
  try {
    auto meeting = std::make_unique<Meeting>(name, rank, count, device);
    *communicator = communicators.make();
    (*communicator)->rank = rank;
    (*communicator)->count = count;
    (*communicator)->thread = std::this_thread::get_id();
    (*communicator)->meeting = std::move(meeting);
    return ncclSuccess;
  } catch (const MeetingError& error) {
    return refuse(call, ncclInvalidUsage, error.text);
  }
}

ncclResult_t ncclCommDestroy(ncclComm_t communicator) {
  return end(HERE, communicator, false);
}

ncclResult_t ncclCommAbort(ncclComm_t communicator) {
  return end(HERE, communicator, true);
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t communicator, ncclResult_t* error) {
  if (!usable(HERE, communicator)) return ncclInvalidArgument;
  *error = communicator->error;
  return ncclSuccess;
}

ncclResult_t ncclGroupStart() {
  ++group_depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  const LibraryCall call = HERE;
  if (group_depth == 0) return refuse(call, ncclInvalidUsage, "no group was started");
  if (--group_depth > 0) return ncclSuccess;
  return queue(call, std::exchange(group, {}));
}

ncclResult_t ncclAllReduce(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t operation, ncclComm_t communicator, cudaStream_t stream) {
  return collective(HERE, {send, receive, count, type, &operation, -1, communicator, stream});
}

ncclResult_t ncclReduce(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                        ncclRedOp_t operation, int root, ncclComm_t communicator,
                        cudaStream_t stream) {
  return collective(HERE, {send, receive, count, type, &operation, root, communicator, stream});
}

ncclResult_t ncclBroadcast(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                           int root, ncclComm_t communicator, cudaStream_t stream) {
  return collective(HERE, {send, receive, count, type, nullptr, root, communicator, stream});
}

}  // extern "C"
