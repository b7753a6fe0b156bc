// ekgine_kernel_loads --write TABLE LISTING...   writes the table of the kernels in listings
// ekgine_kernel_loads --check TABLE LISTING...   holds them against it: exit status 1, and a line
//                                                for each offence
// A listing is what cuobjdump -sass prints of an object file, NAME.sass of NAME.cu. An empty one is
// of an object without kernels. scripts/build_cuda calls it.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "bench/kernel_resources/load_table.h"
#include "bench/kernel_resources/sass.h"

namespace ekgine {

namespace {

int run(std::vector<std::string> arguments) {
  if (arguments.size() < 3 || (arguments[0] != "--write" && arguments[0] != "--check")) {
    fail("expected --write TABLE LISTING... or --check TABLE LISTING...");
  }
  const bool write = arguments[0] == "--write";
  const std::string table = arguments[1];
  std::vector<KernelLoads> kernels;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const std::filesystem::path listing = arguments[i];
    const std::string text = read_file(listing);
    if (text.find("Function : ") == std::string::npos) continue;
    std::ranges::move(read_kernel_loads(text, listing.stem().string()),
                      std::back_inserter(kernels));
  }
  if (kernels.empty()) fail("no kernel in any listing");
  const std::string text = write ? load_table(kernels) : read_file(table);
  const std::vector<std::string> offences = load_offences(kernels, text, table);
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
    fmt::print(stderr, "ekgine_kernel_loads: {}\n", error.what());
    return 1;
  }
}
