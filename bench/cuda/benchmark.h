// ekgine_bench --device cuda: every CUDA kernel timed against what the GPU can do, and against
// other ways to the same result, in one run.
#pragma once

#include <string>

namespace ekgine {

struct CudaBenchmark {
  std::string filter;  // only ops whose name and shape contain this text
  bool json = false;   // one JSON object on stdout instead of tables
};

// Prints Markdown tables on stdout as they come; docs/measuring.md says how to read them. On the
// emulated device, shapes are tiny, tables have no times, as those mean nothing (the JSON has
// them, and says "emulated": true), and what the kernels do to memory follows, counted. Errors: no
// usable device, nothing matches the filter, and, when all the rest is printed, an op that failed.
void benchmark_cuda(const CudaBenchmark& options);

}  // namespace ekgine
