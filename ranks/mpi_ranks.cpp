#include "ranks/mpi_ranks.h"

#include <fmt/format.h>

#include "base/error.h"

#if EKGINE_HAS_MPI
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <span>
#include <thread>
#include <vector>

#include "base/atomic_file.h"
#include "base/console.h"
#include "ranks/watch.h"

namespace ekgine {

namespace {

using std::chrono::milliseconds;

// Of the process, as MPI is; what ends it may be no owner of anything.
std::unique_ptr<Watch> watch;
milliseconds patience{};
MPI_Comm of_leaving = MPI_COMM_NULL;

[[noreturn]] void give_up() noexcept {
  try {
    print_error(fmt::format("ekgine: {}: the other ranks have not answered for {:g} s", this_rank(),
                            static_cast<double>(patience.count()) / 1000));
  } catch (...) {
    print_error("ekgine: out of memory");
  }
  remove_temporary_files();
  ::_exit(1);
}

void check_mpi(const char* call, int code) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  fail("{}: {}", call, text.data());
}

// A copy of all processes, in which errors are returned.
MPI_Comm all_processes() {
  MPI_Comm all = MPI_COMM_NULL;
  check_mpi("MPI_Comm_dup", MPI_Comm_dup(MPI_COMM_WORLD, &all));
  MPI_Comm_set_errhandler(all, MPI_ERRORS_RETURN);
  return all;
}

// Pieces that lie one behind another, as MPI takes them: ints.
struct Pieces {
  std::vector<int> sizes, starts;

  explicit Pieces(std::span<const std::size_t> bytes) {
    const std::size_t all = std::accumulate(bytes.begin(), bytes.end(), std::size_t{0});
    if (all > INT_MAX) fail("a message of {} bytes is more than MPI takes, {}", all, INT_MAX);
    int start = 0;
    for (const std::size_t one : bytes) {
      sizes.push_back(static_cast<int>(one));
      starts.push_back(start);
      start += static_cast<int>(one);
    }
  }
  int start_of(int rank) const { return starts[static_cast<std::size_t>(rank)]; }
};

class MpiRanks final : public Ranks {
 public:
  MpiRanks(int rank, int count) : Ranks(rank, count), all_(all_processes()) {}

  void set_step(std::int64_t step) override { set_this_step(step); }
  milliseconds patience() const override { return ekgine::patience; }
  void wait_in(const std::function<void()>& work) override {
    const Watch::Wait wait(*watch);
    work();
  }

 private:
  void all_gather(const std::byte* mine, std::span<const std::size_t> bytes,
                  std::byte* all) override {
    const Pieces pieces(bytes);
    // MPI takes it in place from all ranks, or from none.
    std::byte* const place = all + pieces.start_of(rank());
    const std::size_t n = bytes[static_cast<std::size_t>(rank())];
    if (mine != place && n != 0) std::memcpy(place, mine, n);
    const Watch::Wait wait(*watch);
    check_mpi("MPI_Allgatherv",
              MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, pieces.sizes.data(),
                             pieces.starts.data(), MPI_BYTE, all_));
  }
  void all_to_all(const std::byte* mine, std::span<const std::size_t> sent, std::size_t each,
                  std::byte* received) override {
    const Pieces ours(sent), theirs(std::vector<std::size_t>(sent.size(), each));
    const Watch::Wait wait(*watch);
    check_mpi("MPI_Alltoallv",
              MPI_Alltoallv(mine, ours.sizes.data(), ours.starts.data(), MPI_BYTE, received,
                            theirs.sizes.data(), theirs.starts.data(), MPI_BYTE, all_));
  }

  MPI_Comm all_;
};

// Whether all ranks come here in time. Looked for now and then: those that wait leave their cores
// to the others.
bool all_leave(milliseconds limit) {
  MPI_Request request = MPI_REQUEST_NULL;
  if (MPI_Ibarrier(of_leaving, &request) != MPI_SUCCESS) return false;
  const auto start = std::chrono::steady_clock::now();
  int done = 0;
  while (MPI_Test(&request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done == 0) {
    if (std::chrono::steady_clock::now() - start > limit) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return done != 0;
}

}  // namespace

std::string mpi_library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  // "Open MPI v4.1.4, package: …", "MPICH Version:\t4.0.2\nMPICH Release date:…"
  std::string name = text.data();
  name.resize(std::min(name.find_first_of(",\n"), name.size()));
  std::ranges::replace(name, '\t', ' ');
  return name;
}

std::unique_ptr<Ranks> join_ranks(const Launch& launch, milliseconds timeout) {
  patience = timeout;
  watch = std::make_unique<Watch>(timeout, give_up);
  const Watch::Wait wait(*watch);
  int provided = 0, rank = 0, count = 0;
  // Its calls are the main thread's.
  check_mpi("MPI_Init", MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided));
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  if (launch.count != 0 && (count != launch.count || rank != launch.rank)) {
    fail("{} says that this is rank {} of {}, the launcher {} of {}: it belongs to another MPI",
         mpi_library(), rank, count, launch.rank, launch.count);
  }
  of_leaving = all_processes();
  return std::make_unique<MpiRanks>(rank, count);
}

void leave_ranks(int status, bool together) noexcept {
  int started = 0, ended = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&ended);
  if (started == 0 || ended != 0) return;
  try {
    if (together && of_leaving != MPI_COMM_NULL) {
      const milliseconds limit = status == 0 ? patience : std::min(patience, milliseconds(10000));
      if (all_leave(limit)) {
        {
          const Watch::Wait wait(*watch);
          MPI_Finalize();
        }
        watch.reset();
        return;
      }
      if (status == 0) give_up();
    }
  } catch (...) {  // no memory for it
  }
  MPI_Abort(MPI_COMM_WORLD, status);
  std::_Exit(status);
}

}  // namespace ekgine
#else

namespace ekgine {

std::string mpi_library() {
  return "";
}

std::unique_ptr<Ranks> join_ranks(const Launch&, std::chrono::milliseconds) {
  fail("this build has no MPI; configure one with -DEKGINE_MPI=ON");
}

void leave_ranks(int, bool) noexcept {}

}  // namespace ekgine
#endif
