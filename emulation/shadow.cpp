#include "emulation/shadow.h"

#include <cstdio>
#include <cstdlib>
#include <unordered_map>
#include <vector>

#include "emulation/address_space.h"

namespace ekgine::emulation {
namespace {

std::vector<const void*> sites{nullptr};

}  // namespace

Shadow& Shadow::get() {
  static Shadow shadow;
  return shadow;
}

Shadow::Shadow()
    : words_(static_cast<Cell*>(reserve(space_size / 4 * sizeof(Cell), "the checker"))),
      bytes_(static_cast<Cell*>(reserve(space_size * sizeof(Cell), "the checker"))) {}

std::uint32_t site_of(const void* pc) {
  static std::unordered_map<const void*, std::uint32_t> numbers;
  const auto [found, is_new] = numbers.try_emplace(pc, static_cast<std::uint32_t>(sites.size()));
  if (is_new) {
    if (sites.size() > Record::site_mask) {
      std::fprintf(stderr, "emulated device: more than %u places that access memory\n",
                   Record::site_mask);
      std::abort();
    }
    sites.push_back(pc);
  }
  return found->second;
}

const void* pc_of(std::uint32_t site) {
  return sites[site];
}

}  // namespace ekgine::emulation
