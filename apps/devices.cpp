// ekgine devices: what this build and this machine offer.

#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "apps/command.h"
#include "base/console.h"
#include "engine/rank_devices.h"
#include "kernels/runtime/cpu.h"
#include "kernels/runtime/instruction_set.h"
#include "kernels/runtime/processor.h"
#include "ranks/mpi_ranks.h"
#if EKGINE_HAS_CUDA
#include <cuda_runtime_api.h>

#include "kernels/runtime/cuda_device.h"
#include "kernels/runtime/device_code.h"
#endif

namespace ekgine {

namespace {

// Vector instructions of this machine beyond the baseline's that kernels or oneDNN may use.
std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const InstructionSet set : {InstructionSet::avx2, InstructionSet::avx512}) {
    if (supported(set)) names.push_back(label(set));
  }
  if (__builtin_cpu_supports("avx512bf16")) names.emplace_back("AVX512-BF16");
  return names;
}

struct Gpu {
  std::string name;
  int major = 0, minor = 0;
  int multiprocessors = 0;
  double memory_gb = 0, free_gb = 0;
  double l2_mb = 0;
  bool has_code = false;  // whether this build's kernels run on it
};

// What CUDA says of this machine.
struct CudaStatus {
  std::string unusable;  // why no GPU can be used; empty where one can
  std::vector<Gpu> gpus;
  std::string driver, runtime;  // the newest CUDA that the driver knows, and the one of this build
};

#if EKGINE_HAS_CUDA
std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

CudaStatus cuda_status() {
  CudaStatus status;
  int version = 0;
  EKGINE_CUDA(cudaRuntimeGetVersion(&version));
  status.runtime = version_text(version);
  EKGINE_CUDA(cudaDriverGetVersion(&version));
  status.driver = version == 0 ? "none" : version_text(version);
  status.unusable = CudaDevice::unusable(0);
  for (int ordinal = 0; ordinal < CudaDevice::count(); ++ordinal) {
    cudaDeviceProp properties{};
    EKGINE_CUDA(cudaSetDevice(ordinal));
    EKGINE_CUDA(cudaGetDeviceProperties(&properties, ordinal));
    Gpu gpu{.name = properties.name,
            .major = properties.major,
            .minor = properties.minor,
            .multiprocessors = properties.multiProcessorCount,
            .memory_gb = static_cast<double>(properties.totalGlobalMem) / 1e9,
            .l2_mb = properties.l2CacheSize / 1e6,
            .has_code = has_device_code(ordinal)};
    std::size_t free = 0, total = 0;
    EKGINE_CUDA(cudaMemGetInfo(&free, &total));
    gpu.free_gb = static_cast<double>(free) / 1e9;
    status.gpus.push_back(std::move(gpu));
  }
  return status;
}
#else
CudaStatus cuda_status() {
  return {.unusable = "not in this build", .gpus = {}, .driver = {}, .runtime = {}};
}
#endif

void run(CommonOptions& common) {
  const std::int64_t threads = apply(common);
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                        static_cast<double>(sysconf(_SC_PAGE_SIZE)) / 1e9;
  const CudaStatus cuda = cuda_status();
  const auto or_none = [](const std::string& library) {
    return library.empty() ? "not in this build" : library;
  };
  const std::string mpi = or_none(mpi_library()), nccl = or_none(device_ranks_library());
  const auto name_of = [&](std::size_t ordinal) {
    return cuda.gpus.size() <= 1 ? "cuda" : fmt::format("cuda:{}", ordinal);
  };
  if (common.json) {
    Json devices = Json::array();
    devices.push_back({{"device", "cpu"},
                       {"name", processor_name()},
                       {"threads", threads},
                       {"memory_gb", memory},
                       {"instruction_sets", instruction_sets()},
                       {"kernels", choice_name(instruction_set())}});
    for (std::size_t i = 0; i < cuda.gpus.size(); ++i) {
      const Gpu& gpu = cuda.gpus[i];
      devices.push_back({{"device", name_of(i)},
                         {"name", gpu.name},
                         {"architecture", fmt::format("sm_{}{}", gpu.major, gpu.minor)},
                         {"multiprocessors", gpu.multiprocessors},
                         {"memory_gb", gpu.memory_gb},
                         {"free_gb", gpu.free_gb},
                         {"l2_mb", gpu.l2_mb},
                         {"has_code", gpu.has_code}});
    }
    Json json = {{"devices", devices},
                 {"cuda", cuda.unusable.empty() ? "usable" : cuda.unusable},
                 {"mpi", mpi},
                 {"nccl", nccl}};
    if (!cuda.runtime.empty()) {
      json["cuda_of_driver"] = cuda.driver;
      json["cuda_of_build"] = cuda.runtime;
    }
    print_json(json);
    return;
  }
  std::string sets;
  for (const std::string& name : instruction_sets()) sets += (sets.empty() ? "" : ", ") + name;
  const std::size_t width = name_of(0).size() + 2;
  std::string text = fmt::format("{:<{}}{}, {} threads, {:.1f} GB, {}; kernels for {}\n", "cpu",
                                 width, processor_name(), threads, memory,
                                 sets.empty() ? "no AVX2" : sets, label(instruction_set()));
  for (std::size_t i = 0; i < cuda.gpus.size(); ++i) {
    const Gpu& gpu = cuda.gpus[i];
    text += fmt::format("{:<{}}{}, sm_{}{}, {} multiprocessors, {:.1f} GB, {:.1f} GB free, {}\n",
                        name_of(i), width, gpu.name, gpu.major, gpu.minor, gpu.multiprocessors,
                        gpu.memory_gb, gpu.free_gb,
                        gpu.has_code ? "this build has code for it"
                                     : fmt::format("this build has no code for it; configure with "
                                                   "-DCMAKE_CUDA_ARCHITECTURES={}{}",
                                                   gpu.major, gpu.minor));
  }
  if (!cuda.unusable.empty()) text += fmt::format("{:<{}}{}\n", "cuda", width, cuda.unusable);
  if (!cuda.runtime.empty()) {
    text += fmt::format("{:<{}}CUDA {} of this build, {} of the driver\n", "", width, cuda.runtime,
                        cuda.driver);
  }
  text += fmt::format("{:<{}}{}\n", "mpi", width, mpi);
  if (!cuda.runtime.empty()) text += fmt::format("{:<{}}{}\n", "nccl", width, nccl);
  print_result(text);
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
