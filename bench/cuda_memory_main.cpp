// What the CUDA kernels do to memory:
//
//   ekgine_cuda_memory [NAME...]      only cases whose name contains a NAME
//
// Prints Markdown, which bench/cuda_memory.md is.
#include <fmt/format.h>

#include "bench/cuda_memory.h"

int main(int argc, char** argv) {
  using namespace ekgine;
  print_memory(count_memory(counted_cases({argv + 1, argv + argc})));
  for (const std::string& fault : emulation::take_faults()) fmt::print(stderr, "{}\n", fault);
}
