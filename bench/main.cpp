// Microbenchmarks of every kernel.
//
//   ekgine_bench [--filter TEXT] [--shape N,...] [--list | --json | --csv] [--compare FILE]
//                [--benchmark_... of Google Benchmark]                         on the CPU
//   ekgine_bench --device cuda [--filter TEXT] [--shape N,...] [--list | --json | --csv]
//                [--compare FILE]                                              on GPU 0
//
// See bench/benchmark_options.h, bench/choice.h, bench/cpu_benchmark.h and bench/cuda/benchmark.h.
// Exit status: 2 for what was asked wrongly, 1 for all else that fails.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "bench/benchmark_options.h"
#include "bench/cpu_benchmark.h"
#if EKGINE_HAS_CUDA
#include "bench/cuda/benchmark.h"
#endif

namespace {

using namespace ekgine;

constexpr const char* usage =
    "usage: ekgine_bench [--device cpu|cuda] [--filter TEXT] [--shape N,...] "
    "[--list | --json | --csv] [--compare FILE] [--benchmark_... of Google Benchmark, on the CPU]\n"
    "  --list           what --filter chooses from, and what the numbers of a shape are\n"
    "  --filter TEXT    only ops whose name and shape have the text in them\n"
    "  --shape N,...    the one op that --filter names, at that shape: "
    "--filter attention --shape 1,1024,8,128\n"
    "  --json, --csv    one object, or a line per row, instead of tables\n"
    "  --compare FILE   times over those of an earlier --json >FILE\n";

struct Arguments {
  bool cuda = false;
  BenchmarkOptions options;
  std::vector<std::string> others;  // Google Benchmark's
};

// False where they are wrong.
bool parse(std::span<char*> arguments, Arguments& parsed) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const bool takes_value = argument == "--device" || argument == "--filter" ||
                             argument == "--shape" || argument == "--compare";
    if (takes_value && i + 1 == arguments.size()) return false;
    if (argument == "--device") {
      const std::string_view device = arguments[++i];
      if (device != "cpu" && device != "cuda") return false;
      parsed.cuda = device == "cuda";
    } else if (argument == "--filter") {
      parsed.options.filter = arguments[++i];
    } else if (argument == "--shape") {
      parsed.options.shape = arguments[++i];
      if (parsed.options.shape.empty()) return false;
    } else if (argument == "--compare") {
      parsed.options.before = arguments[++i];
    } else if (argument == "--list") {
      parsed.options.list = true;
    } else if (argument == "--json") {
      parsed.options.format = BenchmarkOptions::Format::json;
    } else if (argument == "--csv") {
      parsed.options.format = BenchmarkOptions::Format::csv;
    } else {
      parsed.others.emplace_back(argument);
    }
  }
  return !parsed.cuda || parsed.others.empty();
}

int on_cuda(const BenchmarkOptions& options) {
#if EKGINE_HAS_CUDA
  benchmark_cuda(options);
  return 0;
#else
  static_cast<void>(options);
  fail(
      "--device cuda: this build has no CUDA back end; use cmake --preset cuda, or, without a GPU, "
      "cmake --preset emulated, which counts what the kernels do to memory");
#endif
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Arguments arguments;
    if (argc == 2 && std::string_view(argv[1]) == "--help") {
      fmt::print("{}", usage);
      return 0;
    }
    if (!parse({argv + 1, argv + argc}, arguments)) {
      fmt::print(stderr, "{}", usage);
      return 2;
    }
    const int status = arguments.cuda ? on_cuda(arguments.options)
                                      : benchmark_cpu(arguments.options, arguments.others);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      fail("what was measured cannot be written to stdout: {}", std::strerror(errno));
    }
    return status;
  } catch (const UsageError& error) {
    fmt::print(stderr, "ekgine_bench: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "ekgine_bench: {}\n", error.what());
    return 1;
  }
}
