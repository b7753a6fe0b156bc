// ekgine devices: what this build and this machine offer.

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>

#include "apps/command.h"
#include "kernels/runtime/cpu.h"
#if EKGINE_HAS_CUDA
#include "kernels/runtime/cuda_device.h"
#endif

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
  std::vector<std::string> gpus;
  std::string cuda = "not in this build";
#if EKGINE_HAS_CUDA
  cuda = CudaDevice::unusable(0);
  for (int ordinal = 0; CudaDevice::unusable(ordinal).empty(); ++ordinal) {
    gpus.push_back(CudaDevice::describe(ordinal));
  }
#endif
  if (common.json) {
    nlohmann::ordered_json devices = {{{"device", "cpu"},
                                       {"name", processor_name()},
                                       {"threads", threads},
                                       {"memory_gb", memory},
                                       {"instruction_sets", instruction_sets()}}};
    for (const std::string& name : gpus) devices.push_back({{"device", "cuda"}, {"name", name}});
    print_json({{"devices", devices}, {"cuda", gpus.empty() ? cuda : "usable"}});
    return;
  }
  std::string sets;
  for (const std::string& name : instruction_sets()) sets += (sets.empty() ? "" : ", ") + name;
  fmt::print("cpu   {}, {} threads, {:.1f} GB, {}\n", processor_name(), threads, memory,
             sets.empty() ? "no AVX2" : sets);
  for (const std::string& name : gpus) fmt::print("cuda  {}\n", name);
  if (gpus.empty()) fmt::print("cuda  {}\n", cuda);
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
