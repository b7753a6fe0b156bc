#include "kernels/runtime/processor.h"

#ifdef __x86_64__
#include <cpuid.h>

#include <array>
#include <cstring>
#else
#include <fstream>
#endif

namespace ekgine {

#ifdef __x86_64__

// Asked of the processor itself: files and weights carry this name, and /proc may be out of reach
// in one run and not in the next.
std::string processor_name() {
  constexpr unsigned first = 0x80000002, parts = 3;  // leaves with 16 characters each
  std::array<std::array<unsigned, 4>, parts> registers{};
  for (unsigned i = 0; i < parts; ++i) {
    auto& [a, b, c, d] = registers[i];
    if (__get_cpuid(first + i, &a, &b, &c, &d) == 0) return "unknown processor";
  }
  std::array<char, sizeof registers + 1> text{};
  std::memcpy(text.data(), registers.data(), sizeof registers);
  const std::string name = text.data();  // padded with spaces before or after
  const std::size_t begin = name.find_first_not_of(' ');
  if (begin == std::string::npos) return "unknown processor";
  return name.substr(begin, name.find_last_not_of(' ') + 1 - begin);
}

#else

std::string processor_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

#endif

}  // namespace ekgine
