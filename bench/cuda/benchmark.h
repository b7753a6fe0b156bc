// ekgine_bench --device cuda: every CUDA kernel timed against what the GPU can do, and against
// other ways to the same result, in one run.
#pragma once

#include "bench/benchmark_options.h"

namespace ekgine {

// Prints on stdout; docs/measuring.md says how to read the tables. With `before`, each row that is
// there, too, has its time over that one's, and tables begin with the device it is of. On the
// emulated device, shapes are tiny, tables have no times, as those mean nothing (the JSON has
// them, and says "emulated": true), and what the kernels do to memory follows, counted. Errors: no
// usable device, `before` is no such file, those of choice.h, and, when all the rest is printed, an
// op that failed.
void benchmark_cuda(const BenchmarkOptions& options);

}  // namespace ekgine
