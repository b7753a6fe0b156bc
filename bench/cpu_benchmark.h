// ekgine_bench on the CPU: every kernel at the shapes of Main_Model with batches of 128 sequences.
#pragma once

namespace ekgine {

// A row per kernel, shape and direction: time, GFLOP/s and GB/s by the contract's own flops and
// bytes, the share of this machine's measured roofline, and which of its lines bounds the kernel.
// Cases are those of all ops (tests/cases). The memory plan is the one of training, so no page is
// touched for the first time while the clock runs. Arguments are Google Benchmark's
// (--benchmark_filter=..., --benchmark_format=json); returns the exit status.
int benchmark_cpu(int argc, char** argv);

}  // namespace ekgine
