// ekgine_bench on the CPU: every kernel at the shapes of Main_Model with batches of 128 sequences.
#pragma once

#include <string>
#include <vector>

#include "bench/benchmark_options.h"

namespace ekgine {

// A row per kernel, shape and direction: time, GFLOP/s and GB/s by the contract's own flops and
// bytes, the share of this machine's measured roofline, and which of its lines bounds the kernel.
// Cases are those of all ops (tests/cases). The memory plan is the one of training, so no page is
// touched for the first time while the clock runs. `arguments` are Google Benchmark's, such as
// --benchmark_repetitions=5; returns the exit status. Errors: `before` is not what this has
// printed, those of choice.h.
int benchmark_cpu(const BenchmarkOptions& options, const std::vector<std::string>& arguments);

}  // namespace ekgine
