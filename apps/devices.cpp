// ekgine devices: what this build and this machine offer.

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>

#include "apps/command.h"
#include "kernels/runtime/cpu.h"

namespace ekgine {

namespace {

std::string processor_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

// Vector instructions of this machine that the build or oneDNN may use.
std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  if (__builtin_cpu_supports("avx2")) names.emplace_back("AVX2");
  if (__builtin_cpu_supports("avx512f")) names.emplace_back("AVX-512");
  if (__builtin_cpu_supports("avx512bf16")) names.emplace_back("AVX512-BF16");
  return names;
}

void run(CommonOptions& common) {
  const std::int64_t threads = apply(common);
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                        static_cast<double>(sysconf(_SC_PAGE_SIZE)) / 1e9;
  const char* cuda = "not in this build";
  if (common.json) {
    print_json({{"devices",
                 {{{"device", "cpu"},
                   {"name", processor_name()},
                   {"threads", threads},
                   {"memory_gb", memory},
                   {"instruction_sets", instruction_sets()}}}},
                {"cuda", cuda}});
    return;
  }
  std::string sets;
  for (const std::string& name : instruction_sets()) sets += (sets.empty() ? "" : ", ") + name;
  fmt::print("cpu   {}, {} threads, {:.1f} GB, {}\n", processor_name(), threads, memory,
             sets.empty() ? "no AVX2" : sets);
  fmt::print("cuda  {}\n", cuda);
}

}  // namespace

void add_devices(CLI::App& program) {
  auto common = std::make_shared<CommonOptions>();
  CLI::App* command =
      program.add_subcommand("devices", "List the devices this build can compute on.");
  add_common_options(*command, *common);
  command->callback([common] { run(*common); });
}

}  // namespace ekgine
