#include "kernels/runtime/cuda_communicator.h"

#include "base/error.h"

#if EKGINE_HAS_NCCL

#include <fmt/format.h>
#include <nccl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <thread>

#include "kernels/runtime/cuda.h"

namespace ekgine {

namespace {

std::string reason(ncclResult_t result, ncclComm_t communicator) {
  std::string text = ncclGetErrorString(result);
  const std::string detail = ncclGetLastError(communicator);
  if (!detail.empty()) text += ": " + detail;
  std::ranges::replace(text, '\n', ' ');  // an error is one line
  return text;
}

void check_nccl(ncclResult_t result, ncclComm_t communicator, const char* call, const char* file,
                int line) {
  if (result == ncclSuccess) return;
  fail("{}:{}: {}: {}", file, line, call, reason(result, communicator));
}

}  // namespace

#define EKGINE_NCCL(call) check_nccl((call), state_->handle, #call, __FILE__, __LINE__)

struct CudaCommunicator::State {
  ncclComm_t handle = nullptr;
  cudaStream_t stream = nullptr;
  int rank = 0;
  std::chrono::milliseconds patience{};

  void abort() {
    if (handle != nullptr) static_cast<void>(ncclCommAbort(handle));
    handle = nullptr;
  }
  ncclComm_t open() const {
    if (handle == nullptr) fail("NCCL: used after it was given up");
    return handle;
  }
  template <class T>
  void sum(std::int64_t n, T* values, ncclDataType_t type) {
    if (n == 0) return;
    check_nccl(
        ncclAllReduce(values, values, static_cast<std::size_t>(n), type, ncclSum, open(), stream),
        handle, "ncclAllReduce", __FILE__, __LINE__);
  }
};

CudaCommunicator::Id CudaCommunicator::new_id() {
  static_assert(sizeof(ncclUniqueId) == sizeof(Id));
  ncclUniqueId id{};
  check_nccl(ncclGetUniqueId(&id), nullptr, "ncclGetUniqueId(&id)", __FILE__, __LINE__);
  Id bytes{};
  std::memcpy(bytes.data(), &id, sizeof id);
  return bytes;
}

std::string CudaCommunicator::library() {
  int version = 0;
  static_cast<void>(ncclGetVersion(&version));
  return fmt::format("NCCL {}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

CudaCommunicator::CudaCommunicator(cudaStream_t stream, const Id& id, int rank, int count,
                                   std::chrono::milliseconds patience)
    : state_(std::make_unique<State>(State{.stream = stream, .rank = rank, .patience = patience})) {
  ::setenv("NCCL_NVLS_ENABLE", "0", 0);
  ncclUniqueId of{};
  std::memcpy(&of, id.data(), sizeof of);
  EKGINE_NCCL(ncclCommInitRank(&state_->handle, count, of, rank));
}

CudaCommunicator::~CudaCommunicator() {
  // A rank that ends for an error must not wait for the others.
  if (std::uncaught_exceptions() == 0 && state_->handle != nullptr) {
    try {
      wait([this] { return cudaStreamQuery(state_->stream); });
    } catch (const Error&) {
      state_->abort();
    }
  }
  if (state_->handle != nullptr && cudaStreamQuery(state_->stream) == cudaSuccess) {
    static_cast<void>(ncclCommDestroy(state_->handle));
  } else {
    state_->abort();
  }
}

void CudaCommunicator::sum(std::int64_t n, float* values) {
  state_->sum(n, values, ncclFloat32);
}

void CudaCommunicator::sum(std::int64_t n, double* values) {
  state_->sum(n, values, ncclFloat64);
}

void CudaCommunicator::gather(std::span<const std::int64_t> bytes, const void* mine, void* all) {
  together([&] {
    auto* place = static_cast<std::byte*>(all);
    for (int root = 0; root < static_cast<int>(bytes.size()); ++root) {
      const auto n = static_cast<std::size_t>(bytes[static_cast<std::size_t>(root)]);
      const void* const from = root == state_->rank ? mine : place;
      if (n != 0) {
        EKGINE_NCCL(ncclBroadcast(from, place, n, ncclInt8, root, state_->open(), state_->stream));
      }
      place += n;
    }
  });
}

void CudaCommunicator::sum_pieces(std::span<const std::int64_t> sizes, const float* mine,
                                  float* piece) {
  together([&] {
    for (int root = 0; root < static_cast<int>(sizes.size()); ++root) {
      const auto n = static_cast<std::size_t>(sizes[static_cast<std::size_t>(root)]);
      if (n != 0) {
        EKGINE_NCCL(ncclReduce(mine, root == state_->rank ? piece : nullptr, n, ncclFloat32,
                               ncclSum, root, state_->open(), state_->stream));
      }
      mine += n;
    }
  });
}

void CudaCommunicator::together(const std::function<void()>& calls) {
  EKGINE_NCCL(ncclGroupStart());
  try {
    calls();
  } catch (...) {
    static_cast<void>(ncclGroupEnd());
    throw;
  }
  EKGINE_NCCL(ncclGroupEnd());
}

void CudaCommunicator::wait(const std::function<cudaError_t()>& done) {
  using std::chrono::steady_clock;
  const auto start = steady_clock::now();
  for (;;) {
    const cudaError_t result = done();
    if (result == cudaSuccess) return;
    if (result != cudaErrorNotReady) {
      check_cuda(result, "waiting for the device", __FILE__, __LINE__);
    }
    ncclResult_t error = ncclSuccess;
    EKGINE_NCCL(ncclCommGetAsyncError(state_->open(), &error));
    if (error != ncclSuccess) {
      const std::string text = reason(error, state_->handle);
      state_->abort();
      fail("NCCL, while the device was at work: {}", text);
    }
    const auto waited = steady_clock::now() - start;
    if (waited > state_->patience) {
      state_->abort();
      fail("the other ranks have not answered for {:g} s",
           static_cast<double>(state_->patience.count()) / 1000);
    }
    // A step takes a millisecond; who waits longer can wait a little longer still.
    if (waited > std::chrono::milliseconds(1)) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
}

}  // namespace ekgine

#else

namespace ekgine {

struct CudaCommunicator::State {};

namespace {

[[noreturn]] void fail_without() {
  fail("this build has no NCCL; install it beside CUDA and configure again");
}

}  // namespace

CudaCommunicator::Id CudaCommunicator::new_id() {
  fail_without();
}
std::string CudaCommunicator::library() {
  return "";
}
CudaCommunicator::CudaCommunicator(cudaStream_t, const Id&, int, int, std::chrono::milliseconds) {
  fail_without();
}
CudaCommunicator::~CudaCommunicator() = default;
void CudaCommunicator::sum(std::int64_t, float*) {
  fail_without();
}
void CudaCommunicator::sum(std::int64_t, double*) {
  fail_without();
}
void CudaCommunicator::gather(std::span<const std::int64_t>, const void*, void*) {
  fail_without();
}
void CudaCommunicator::sum_pieces(std::span<const std::int64_t>, const float*, float*) {
  fail_without();
}
void CudaCommunicator::together(const std::function<void()>&) {
  fail_without();
}
void CudaCommunicator::wait(const std::function<cudaError_t()>&) {
  fail_without();
}

}  // namespace ekgine

#endif
