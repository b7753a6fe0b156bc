// The emulated CUDA device, as tests see it.
//
// Kernels and the host code that launches them are the project's own; linked to this folder instead
// of the CUDA libraries, they run on the host. What goes wrong is collected as faults, one line
// each: what happened, the kernel, file and line, block and thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ekgine::emulation {

// The faults since the last call, in the order found, and forgets them.
std::vector<std::string> take_faults();

// Whether the accesses of kernels are checked: where they are compiled with -fsanitize=thread. With
// -fsanitize=address, AddressSanitizer checks bounds instead, and there are no counters.
bool checks_accesses();

// Threads, blocks and streams run in an order drawn from the seed; 0, the initial one, is the order
// of their numbers.
void set_seed(std::uint64_t seed);

// What the device is: 75, 80 (the initial one), 86, 89, 90, 100 or 120. Decides its shared memory.
void set_compute_capability(int capability);

// How many multiprocessors the device says it has, 4 at first. They run nothing faster.
void set_multiprocessors(int count);

// Whether cuBLASLt finds algorithms with CUBLASLT_EPILOGUE_BGRADA: initially true. No manual says
// for which products it does.
void set_bias_gradients(bool found);

// An error on the device is returned by all later calls, as on a real one. This makes it go on.
void reset_device();

// A line for every allocation, stream, event, graph and library object that was not given back.
std::vector<std::string> leaks();

// ------------------------------------------------------------------------------------- counters

// What the host has done so far.
struct HostCounters {
  std::uint64_t waits = 0;        // calls that waited for work which was not done yet
  std::uint64_t allocations = 0;  // of device and of pinned memory
  std::uint64_t launches = 0;     // of kernels, by the host: those inside graphs are not asked for
  std::uint64_t graphs = 0;       // launches of graphs
};
HostCounters host_counters();

// What the graph that was launched last is made of: kernels, library calls, copies and fills, by
// the name that reports call them, and how many there are of each.
std::map<std::string, std::uint64_t> launched_graph();

// Global memory moves in sectors of 32 bytes. One request is what the lanes of a warp access by one
// instruction at once; it is coalesced when `sectors` is `ideal_sectors`.
struct GlobalCounters {
  std::uint64_t requests = 0;
  std::uint64_t sectors = 0;        // touched by the requests, summed
  std::uint64_t ideal_sectors = 0;  // as many as the bytes asked for would fit in
  std::uint64_t bytes = 0;          // in sectors of which each counts once for a launch: what an
                                    // ideal cache would still have to move
};

struct KernelCounters {
  std::uint64_t launches = 0;
  GlobalCounters loads, stores;  // atomic updates count as stores
  // Shared memory has 32 banks of 4-byte words; a request takes as many wavefronts as there are
  // different words in one bank (8- and 16-byte accesses are split into halves and quarters of a
  // warp). Conflicts are the wavefronts beyond one.
  std::uint64_t shared_requests = 0;
  std::uint64_t shared_wavefronts = 0;
  std::uint64_t shared_conflicts = 0;
  std::uint64_t worst_bank_conflict = 0;  // most wavefronts of a request; 1 means no conflict
};

// Starts or stops counting, which makes kernels slower. Initially off.
void count_accesses(bool on);
// What has been counted since the last call, by kernel name.
std::map<std::string, KernelCounters> take_counters();
// The bytes that calls of the libraries' stand-ins have read and written meanwhile, by their name:
// every argument of a call once, however often a real library may read it, and no workspace.
std::map<std::string, std::uint64_t> take_library_bytes();

}  // namespace ekgine::emulation
