// ekgine_kernel_resources --write TABLE OBJECT...   writes the table of the kernels in object files
// ekgine_kernel_resources --check TABLE OBJECT...   holds them against it: exit status 1, and a
//                                                   line for each offence, where they use more
// scripts/build_cuda calls it.
#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "bench/kernel_resources/cubin.h"
#include "bench/kernel_resources/resource_table.h"

namespace ekgine {

namespace {

int run(std::vector<std::string> arguments) {
  if (arguments.size() < 3 || (arguments[0] != "--write" && arguments[0] != "--check")) {
    fail("expected --write TABLE OBJECT... or --check TABLE OBJECT...");
  }
  const bool write = arguments[0] == "--write";
  const std::string table = arguments[1];
  std::vector<KernelResources> kernels;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    std::ranges::move(read_kernel_resources(arguments[i]), std::back_inserter(kernels));
  }
  // What is written must pass the check, too: no table can allow a stack.
  const std::string text = write ? resource_table(kernels) : read_file(table);
  const std::vector<std::string> offences = resource_offences(kernels, text, table);
  for (const std::string& offence : offences) fmt::print("{}\n", offence);
  if (!offences.empty()) return 1;
  if (write) write_file(table, text);
  fmt::print("{}: {} kernels {}\n", table, kernels.size(), write ? "written" : "within budget");
  return 0;
}

}  // namespace

}  // namespace ekgine

int main(int argc, char** argv) {
  try {
    return ekgine::run({argv + 1, argv + argc});
  } catch (const ekgine::Error& error) {
    fmt::print(stderr, "ekgine_kernel_resources: {}\n", error.what());
    return 1;
  }
}
