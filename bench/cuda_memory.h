// How the CUDA kernels use memory, counted on the emulated device: no clock is involved, so the
// numbers are the same on every machine.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "emulation/emulation.h"
#include "engine/tensor.h"
#include "tests/cases/kernel_case.h"

namespace ekgine {

// Of one op, its shape and one direction.
struct MemoryCount {
  std::string op;
  DType type;
  std::map<std::string, emulation::KernelCounters> kernels;
  // Bytes moved to and from global memory by all its kernels, each 32-byte sector once a launch, as
  // with an ideal cache, over the contract's minimum.
  double bytes_over_minimum;
};

// The ops whose name and shape contain one of the names, or all for none. Shapes are aligned as in
// Main_Model, with fewer beats.
std::vector<testing::KernelCase> counted_cases(const std::vector<std::string>& names);

std::vector<MemoryCount> count_memory(const std::vector<testing::KernelCase>& cases);

// Markdown on stdout; bench/cuda_memory.md says what the columns are.
void print_memory(const std::vector<MemoryCount>& counts);
Json as_json(const std::vector<MemoryCount>& counts);

}  // namespace ekgine
