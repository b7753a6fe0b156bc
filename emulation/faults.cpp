#include "emulation/faults.h"

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <set>
#include <utility>

#include "emulation/emulation.h"

namespace ekgine::emulation {
namespace {

std::mutex mutex;
std::vector<std::string> faults;
std::set<std::string> met;

}  // namespace

void report(std::string fault) {
  const std::lock_guard lock(mutex);
  if (std::find(faults.begin(), faults.end(), fault) != faults.end()) return;
  // Faults of a test that forgets to ask, or of one that does not come to its end.
  std::fprintf(stderr, "emulated device: %s\n", fault.c_str());
  faults.push_back(std::move(fault));
}

bool is_new_fault(std::string key) {
  const std::lock_guard lock(mutex);
  return met.insert(std::move(key)).second;
}

std::vector<std::string> take_faults() {
  const std::lock_guard lock(mutex);
  met.clear();
  return std::exchange(faults, {});
}

}  // namespace ekgine::emulation
