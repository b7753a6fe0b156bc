// ekgine_bench on the CPU: every kernel at the shapes of Main_Model with batches of 128 sequences.
#pragma once

#include <string>
#include <vector>

#include "bench/benchmark_options.h"
#include "bench/choice.h"

namespace ekgine {

// A row per kernel, shape and direction: time, GFLOP/s and GB/s by the contract's own flops and
// bytes, the share of this machine's measured roofline, and which of its lines bounds the kernel.
// Cases are those of all ops (tests/cases). The memory plan is the one of training, so no page is
// touched for the first time while the clock runs.
//
// After the op's row comes one for each of its rivals, whose name follows: their passes alternate
// with the op's, and x_ours is the rival's time over the op's in these. `difference` is how far its
// results are from the op's (bench/rivals.h), which the label says where it is too far; what a
// rival cannot do is its row's error.
//
// `arguments` are Google Benchmark's, such as --benchmark_repetitions=5; returns the exit status.
// Errors: `before` is not what this has printed, those of choice.h.
int benchmark_cpu(const BenchmarkOptions& options, const std::vector<std::string>& arguments);
// The same of other cases.
int benchmark_cpu(const Timeable& all, const BenchmarkOptions& options,
                  const std::vector<std::string>& arguments);

}  // namespace ekgine
