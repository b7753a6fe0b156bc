// Microbenchmarks of every kernel.
//
//   ekgine_bench [--benchmark_filter=conv2d] [--benchmark_format=json] ...     on the CPU
//   ekgine_bench --device cuda [--filter TEXT] [--json]                        on GPU 0
//
// See bench/cpu_benchmark.h and bench/cuda/benchmark.h.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "bench/cpu_benchmark.h"
#if EKGINE_HAS_CUDA
#include "bench/cuda/benchmark.h"
#endif

namespace {

using namespace ekgine;

constexpr const char* usage =
    "usage: ekgine_bench [--benchmark_... of Google Benchmark] | "
    "ekgine_bench --device cuda [--filter TEXT] [--json]\n";

// The arguments after "--device cuda".
int on_cuda(std::span<char*> arguments) {
#if EKGINE_HAS_CUDA
  CudaBenchmark options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--json") {
      options.json = true;
    } else if (argument == "--filter" && i + 1 < arguments.size()) {
      options.filter = arguments[++i];
    } else {
      fmt::print(stderr, "{}", usage);
      return 2;
    }
  }
  benchmark_cuda(options);
  return 0;
#else
  static_cast<void>(arguments);
  fail(
      "--device cuda: this build has no CUDA back end; use cmake --preset cuda, or, without a GPU, "
      "cmake --preset emulated, which counts what the kernels do to memory");
#endif
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() >= 2 && std::string_view(arguments[0]) == "--device") {
      const std::string_view device = arguments[1];
      if (device == "cuda") return on_cuda(arguments.subspan(2));
      fmt::print(stderr, "{}", usage);
      return 2;
    }
    return benchmark_cpu(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "ekgine_bench: {}\n", error.what());
    return 1;
  }
}
