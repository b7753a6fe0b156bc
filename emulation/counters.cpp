#include "emulation/counters.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "emulation/address_space.h"
#include "emulation/emulation.h"
#include "emulation/execution.h"

namespace ekgine::emulation {
namespace {

constexpr std::size_t sector = 32;
constexpr std::size_t banks = 32;

// One access, in eight bytes.
class Logged {
 public:
  Logged(std::uint64_t offset, unsigned size, bool write, std::uint32_t site)
      : bits_(offset << 28U | std::uint64_t{size} << 23U | std::uint64_t{write} << 22U | site) {}
  std::uint64_t offset() const { return bits_ >> 28U; }
  unsigned size() const { return bits_ >> 23U & 31U; }
  bool write() const { return (bits_ >> 22U & 1U) != 0; }
  std::uint32_t site() const { return bits_ & ((1U << 22U) - 1); }

 private:
  std::uint64_t bits_;
};
static_assert(space_size <= std::uint64_t{1} << 36U);

// The accesses of a warp that one instruction makes at once.
struct Request {
  unsigned size, lanes;
  bool write;
  std::array<std::uint64_t, warp_size> offsets;  // in order of the lanes, those of `lanes` only
  std::array<std::uint8_t, warp_size> numbers;   // of the lanes
};

// What is known of an instruction while a warp's accesses are sorted into requests.
struct Site {
  std::vector<std::size_t> requests;
  std::size_t next = 0;  // of them, the one that the lane's next access belongs to
  unsigned lane = 0;     // whose `next` it is, plus one
};

bool enabled = false;
std::map<std::string, KernelCounters> all_counters;
std::map<std::string, std::uint64_t> library_bytes;
KernelCounters* counters = nullptr;  // of the running kernel
std::uint32_t launch = 0;

std::array<std::vector<Logged>, maximum_threads> logs;
std::vector<Site> sites;
std::vector<Request> requests;
std::size_t request_count = 0;

// For every sector of memory, the last launch that read and wrote it.
std::uint32_t* sector_launches(bool write) {
  static auto* const read_by =
      static_cast<std::uint32_t*>(reserve(space_size / sector * 4, "the counters"));
  static auto* const written_by =
      static_cast<std::uint32_t*>(reserve(space_size / sector * 4, "the counters"));
  return write ? written_by : read_by;
}

void count_global(Request& request) {
  const auto begin = request.offsets.begin(), end = begin + request.lanes;
  if (!std::is_sorted(begin, end)) std::sort(begin, end);
  std::uint32_t* const launches = sector_launches(request.write);
  std::uint64_t sectors = 0, bytes = 0, moved = 0;
  std::uint64_t covered = 0, next_sector = 0;  // both up to here
  for (auto offset = begin; offset != end; ++offset) {
    const std::uint64_t last = *offset + request.size;
    bytes += last - std::min(last, std::max(covered, *offset));
    covered = std::max(covered, last);
    for (std::uint64_t s = std::max(next_sector, *offset / sector); s <= (last - 1) / sector; ++s) {
      ++sectors;
      next_sector = s + 1;
      if (launches[s] == launch) continue;
      launches[s] = launch;
      moved += sector;
    }
  }
  GlobalCounters& count = request.write ? counters->stores : counters->loads;
  ++count.requests;
  count.sectors += sectors;
  count.ideal_sectors += (bytes + sector - 1) / sector;
  count.bytes += moved;
}

// A quarter of a warp at a time accesses 16 bytes each, half a warp 8, the whole one less.
void count_shared(const Request& request) {
  const unsigned group_size = request.size == 16 ? 8 : request.size == 8 ? 16 : 32;
  ++counters->shared_requests;
  for (unsigned i = 0; i < request.lanes;) {
    const unsigned group = request.numbers[i] / group_size;
    // Words of each bank, all different.
    std::array<std::array<std::uint64_t, warp_size>, banks> words;
    std::array<unsigned, banks> depth{};
    unsigned wavefronts = 0;
    for (; i < request.lanes && request.numbers[i] / group_size == group; ++i) {
      for (std::uint64_t word = request.offsets[i] / 4;
           word <= (request.offsets[i] + request.size - 1) / 4; ++word) {
        auto& column = words[word % banks];
        unsigned& n = depth[word % banks];
        if (std::find(column.begin(), column.begin() + n, word) != column.begin() + n) continue;
        column[n++] = word;
        wavefronts = std::max(wavefronts, n);
      }
    }
    counters->shared_wavefronts += wavefronts;
    counters->shared_conflicts += wavefronts - 1;
    counters->worst_bank_conflict =
        std::max<std::uint64_t>(counters->worst_bank_conflict, wavefronts);
  }
}

void sort_into_request(unsigned lane, const Logged& access) {
  if (access.site() >= sites.size()) sites.resize(access.site() + 1);
  Site& site = sites[access.site()];
  if (site.lane != lane + 1) {
    site.lane = lane + 1;
    site.next = 0;
  }
  if (site.next == site.requests.size()) {
    site.requests.push_back(request_count);
    if (request_count == requests.size()) requests.emplace_back();
    Request& fresh = requests[request_count++];
    fresh.size = access.size();
    fresh.write = access.write();
    fresh.lanes = 0;
  }
  Request& request = requests[site.requests[site.next++]];
  request.offsets[request.lanes] = access.offset();
  request.numbers[request.lanes++] = static_cast<std::uint8_t>(lane);
}

}  // namespace

bool counting() {
  return enabled;
}

void counters_begin_launch(const char* kernel) {
  ++launch;
  counters = &all_counters[kernel];
  ++counters->launches;
}

void count_access(unsigned thread, std::size_t offset, unsigned size, bool write,
                  std::uint32_t site) {
  logs[thread].emplace_back(offset, size, write, site);
}

void counters_end_interval(unsigned threads) {
  for (unsigned warp = 0; warp < threads; warp += warp_size) {
    const unsigned lanes = std::min(warp_size, threads - warp);
    request_count = 0;
    for (unsigned lane = 0; lane < lanes; ++lane) {
      for (const Logged& access : logs[warp + lane]) sort_into_request(lane, access);
    }
    for (std::size_t i = 0; i < request_count; ++i) {
      Request& request = requests[i];
      if (request.offsets[0] < shared_capacity) {
        count_shared(request);
      } else {
        count_global(request);
      }
    }
    for (unsigned lane = 0; lane < lanes; ++lane) {
      for (const Logged& access : logs[warp + lane]) {
        sites[access.site()].requests.clear();
        sites[access.site()].lane = 0;
      }
      logs[warp + lane].clear();
    }
  }
}

void count_range(const std::string& call, std::size_t bytes) {
  library_bytes[call] += bytes;
}

void count_accesses(bool on) {
  enabled = on;
}

std::map<std::string, KernelCounters> take_counters() {
  return std::exchange(all_counters, {});
}

std::map<std::string, std::uint64_t> take_library_bytes() {
  return std::exchange(library_bytes, {});
}

}  // namespace ekgine::emulation
