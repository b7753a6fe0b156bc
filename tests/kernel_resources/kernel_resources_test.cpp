// The reader of cubins on sample_kernels.cu, the table, and the check that CI relies on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "bench/kernel_resources/cubin.h"
#include "bench/kernel_resources/resource_table.h"

namespace ekgine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string error_of(const auto& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

KernelResources kernel(const std::string& name, int architecture, int registers) {
  return {.file = "layer_norm",
          .kernel = name,
          .architecture = architecture,
          .registers = registers,
          .shared = 32,
          .stack = 0,
          .threads_per_block = 256,
          .assembler = "release 13.0, V13.0.88"};
}

std::vector<KernelResources> two_kernels() {
  return {kernel("forward<float>", 80, 37), kernel("forward<float>", 90, 38),
          kernel("backward<Layout<32, 4>, float>", 80, 64),
          kernel("backward<Layout<32, 4>, float>", 90, 65)};
}

class KernelResourcesFiles : public testing::Test {
 protected:
  std::filesystem::path path(const std::string& name) const { return folder_ / name; }
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      fmt::format("ekgine_kernel_resources_{}",
                  testing::UnitTest::GetInstance()->random_seed() + static_cast<long>(getpid()));
};

TEST(Cubin, ReadsWhatTheAssemblerWrote) {
  std::set<int> architectures;
  std::map<std::string, int> found;
  for (const KernelResources& k : read_kernel_resources(SAMPLE_KERNELS)) {
    SCOPED_TRACE(fmt::format("{} sm_{}", k.kernel, k.architecture));
    architectures.insert(k.architecture);
    ++found[k.kernel];
    EXPECT_EQ(k.file, "sample_kernels");
    EXPECT_GE(k.registers, 4);
    EXPECT_LE(k.registers, 255);
    EXPECT_THAT(k.assembler, testing::MatchesRegex("release [0-9]+\\.[0-9]+, V[0-9.]+"));
    EXPECT_EQ(k.shared, k.kernel.starts_with("reverse") ? 512 : 0);
    EXPECT_EQ(k.stack, k.kernel == "histogram" ? 256 : 0);
    EXPECT_EQ(k.threads_per_block, k.kernel.starts_with("reverse") ? 128
                                   : k.kernel == "histogram"       ? 32
                                                                   : 0);
  }
  const int n = static_cast<int>(architectures.size());
  EXPECT_GE(n, 1);
  EXPECT_GE(*architectures.begin(), 75);
  EXPECT_THAT(found,
              ElementsAre(std::pair("histogram", n), std::pair("no_bounds", n),
                          std::pair("reverse<bfloat16, 3>", n), std::pair("reverse<float, 1>", n)));
}

TEST(Cubin, NamesAreReadable) {
  EXPECT_EQ(readable_kernel_name("_ZN6ekgine7kernels7forwardIfEEvPKT_"), "forward<float>");
  EXPECT_EQ(
      readable_kernel_name(
          "_ZN6ekgine7kernels36_GLOBAL__N__622f33fb_4_k_cu_f4ec629f3dynILi256ENS1_1RIfEEEEvT0_Pf"),
      "dyn<256, R<float>>");
  EXPECT_EQ(readable_kernel_name("_ZN6ekgine7kernels4castI13__nv_bfloat16EEvPT_"),
            "cast<bfloat16>");
  EXPECT_EQ(readable_kernel_name("_Z5plainPf"), "plain");
  EXPECT_EQ(readable_kernel_name("extern_c"), "extern_c");
}

TEST_F(KernelResourcesFiles, OtherFilesAreRefused) {
  EXPECT_THAT(error_of([&] { read_kernel_resources(path("missing.cu.o")); }),
              HasSubstr("missing.cu.o"));
  write_file(path("text.cu.o"),
             "\x7f"
             "ELF, but no object file");
  EXPECT_EQ(
      error_of([&] { read_kernel_resources(path("text.cu.o")); }),
      path("text.cu.o").string() + ": holds no cubin that is not compressed (nvcc --no-compress)");
}

TEST_F(KernelResourcesFiles, TruncatedFilesAreRefused) {
  const std::string whole = read_file(SAMPLE_KERNELS);
  const std::size_t cubin = whole.find("ELF", whole.find("ELF") + 1) - 1;
  for (const std::size_t size : {cubin + 64, cubin + 100, cubin + 2000}) {
    write_file(path("part.cu.o"), whole.substr(0, size));
    EXPECT_THAT(error_of([&] { read_kernel_resources(path("part.cu.o")); }),
                HasSubstr("part.cu.o: truncated: "));
  }
  std::string old = whole;
  old[cubin + 8] = 7;
  write_file(path("old.cu.o"), old);
  EXPECT_EQ(error_of([&] { read_kernel_resources(path("old.cu.o")); }),
            path("old.cu.o").string() +
                ": cubins of ABI version 7 are not supported (8, of CUDA 13, is)");
}

// Worked out by hand from the limits in the CUDA C++ Programming Guide.
TEST(Occupancy, IsWhatTheTightestLimitLeaves) {
  const auto occupancy = [](int architecture, int registers, int threads, int shared) {
    KernelResources k = kernel("k", architecture, registers);
    k.threads_per_block = threads;
    k.shared = shared;
    return theoretical_occupancy(k);
  };
  // 37 registers are given as 40: 10240 for 256 threads, 6 blocks in 65536.
  EXPECT_DOUBLE_EQ(occupancy(80, 37, 256, 0), 48.0 / 64);
  EXPECT_DOUBLE_EQ(occupancy(80, 32, 256, 0), 1);
  EXPECT_DOUBLE_EQ(occupancy(75, 64, 256, 0), 1);  // half the threads of sm_80
  EXPECT_DOUBLE_EQ(occupancy(90, 255, 128, 0), 8.0 / 64);
  EXPECT_DOUBLE_EQ(occupancy(80, 16, 32, 0), 32.0 / 64);  // 32 blocks at most
  EXPECT_DOUBLE_EQ(occupancy(86, 16, 32, 0), 16.0 / 48);  // 16 blocks at most
  // 48 KiB and the driver's one: two blocks in 100 KiB, four in 228.
  for (const int consumer : {86, 89, 120}) {
    EXPECT_DOUBLE_EQ(occupancy(consumer, 32, 256, 48 * 1024), 16.0 / 48) << consumer;
  }
  EXPECT_DOUBLE_EQ(occupancy(80, 32, 256, 48 * 1024), 24.0 / 64);
  for (const int server : {90, 100}) {
    EXPECT_DOUBLE_EQ(occupancy(server, 32, 256, 48 * 1024), 32.0 / 64) << server;
  }
  EXPECT_EQ(error_of([&] { occupancy(70, 32, 256, 0); }),
            "layer_norm: k: sm_70: the multiprocessor of this architecture is unknown");
  EXPECT_EQ(error_of([&] { occupancy(80, 32, 0, 0); }),
            "layer_norm: k: sm_80: no __launch_bounds__");
}

TEST(ResourceTable, IsItsOwnBudget) {
  const std::vector<KernelResources> kernels = two_kernels();
  const std::string table = resource_table(kernels);
  EXPECT_THAT(table,
              HasSubstr("\n## layer_norm\n\n"
                        "| kernel | threads | shared | sm_80 | sm_90 |\n"
                        "| --- | ---: | ---: | ---: | ---: |\n"
                        "| `backward<Layout<32, 4>, float>` | 256 | 32 | 64 · 50 % | 65 · 37 % |\n"
                        "| `forward<float>` | 256 | 32 | 37 · 75 % | 38 · 75 % |\n"));
  EXPECT_THAT(resource_offences(kernels, table, "table.md"), IsEmpty());
  // One architecture, and less than the budget.
  EXPECT_THAT(resource_offences(std::vector{kernels[0], kernels[2]}, table, "table.md"), IsEmpty());
  std::vector<KernelResources> less = kernels;
  less[0].registers = 20;
  less[1].shared = 0;
  EXPECT_THAT(resource_offences(less, table, "table.md"), IsEmpty());
}

TEST(ResourceTable, EveryOffenceIsNamed) {
  const std::string table = resource_table(two_kernels());
  const auto offences = [&](const auto& change) {
    std::vector<KernelResources> kernels = two_kernels();
    change(kernels);
    return resource_offences(kernels, table, "table.md");
  };
  EXPECT_THAT(offences([](auto& k) { k[1].registers = 39; }),
              ElementsAre("layer_norm: forward<float>: sm_90: 39 registers, the budget is 38"));
  EXPECT_THAT(
      offences([](auto& k) { k[0].shared = 33; }),
      ElementsAre("layer_norm: forward<float>: sm_80: 33 bytes of shared memory, the budget "
                  "is 32"));
  EXPECT_THAT(
      offences([](auto& k) { k[0].threads_per_block = 128; }),
      ElementsAre("layer_norm: forward<float>: sm_80: 128 threads per block, table.md states "
                  "256"));
  EXPECT_THAT(offences([](auto& k) { k[0].threads_per_block = 0; }),
              ElementsAre("layer_norm: forward<float>: sm_80: no __launch_bounds__"));
  EXPECT_THAT(offences([](auto& k) { k[0].stack = 8; }),
              ElementsAre("layer_norm: forward<float>: sm_80: 8 bytes of stack, none is allowed"));
  EXPECT_THAT(offences([](auto& k) { k.push_back(kernel("forward<float>", 75, 4)); }),
              ElementsAre("layer_norm: forward<float>: sm_75: not in table.md"));
  EXPECT_THAT(offences([](auto& k) { k.push_back(kernel("sideways", 80, 4)); }),
              ElementsAre("layer_norm: sideways: sm_80: not in table.md"));
  EXPECT_THAT(offences([](auto& k) { k.erase(k.begin(), k.begin() + 2); }),
              ElementsAre("layer_norm: forward<float>: in table.md, but in no object file"));
  EXPECT_THAT(
      offences([](auto& k) {
        for (auto& one : k) one.assembler = "release 14.0, V14.0.1";
        k[0].registers = 40;
      }),
      ElementsAre("layer_norm: forward<float>: sm_80: 40 registers, the budget is 37",
                  "table.md: made with another ptxas (release 13.0, V13.0.88; these objects: "
                  "release 14.0, V14.0.1)"));
}

TEST(ResourceTable, OtherTextsAreRefused) {
  const auto error = [](const std::string& text) {
    return error_of([&] { resource_offences(two_kernels(), text, "table.md"); });
  };
  EXPECT_EQ(error("# Notes\n"), "table.md: no table of kernels in it");
  EXPECT_EQ(error("## f\n| kernel | threads | shared | sm_80 |\n| `k` | 256 | 0 |\n"),
            "table.md:3: a row of 3 cells, expected 4 under a heading");
  EXPECT_EQ(error("## f\n| kernel | threads | shared | sm_80 |\n| `k` | many | 0 | 1 |\n"),
            "table.md:3: expected a number, found \"many\"");
  EXPECT_EQ(error_of([] {
              resource_table(std::vector{kernel("k", 80, 1), kernel("k", 80, 1)});
            }),
            "layer_norm: k: sm_80: there are two kernels of this name");
}

struct Ended {
  int status;
  std::string output;
};

Ended run(const std::string& arguments) {
  const std::string command = fmt::format("'{}' {} 2>&1", KERNEL_RESOURCES, arguments);
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {-1, "cannot be started"};
  std::string output;
  std::array<char, 4096> part;
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), pipe)) {
    output.append(part.data(), n);
  }
  return {WEXITSTATUS(pclose(pipe)), output};
}

TEST_F(KernelResourcesFiles, ProgramRefusesAStack) {
  const Ended written =
      run(fmt::format("--write {} {}", path("table.md").string(), SAMPLE_KERNELS));
  EXPECT_EQ(written.status, 1);
  EXPECT_THAT(written.output, HasSubstr("no_bounds: sm_"));
  EXPECT_FALSE(std::filesystem::exists(path("table.md")));
  EXPECT_EQ(
      run("--read x y").output,
      "ekgine_kernel_resources: expected --write TABLE OBJECT... or --check TABLE OBJECT...\n");
}

TEST_F(KernelResourcesFiles, ProgramFailsWhereABudgetIsLower) {
  // The table of the samples that obey the rules; the others, whose offences are known, are listed
  // below it by hand.
  std::vector<KernelResources> good = read_kernel_resources(SAMPLE_KERNELS);
  std::erase_if(good, [](const auto& k) { return !k.kernel.starts_with("reverse"); });
  const auto check = [&](const std::vector<KernelResources>& budget) {
    write_file(path("table.md"), resource_table(budget));
    return run(fmt::format("--check {} {}", path("table.md").string(), SAMPLE_KERNELS));
  };
  EXPECT_THAT(check(good).output, testing::Not(HasSubstr("reverse")));
  const int registers = good[0].registers--;
  const Ended lower = check(good);
  EXPECT_EQ(lower.status, 1);
  EXPECT_THAT(lower.output, HasSubstr(fmt::format(
                                "sample_kernels: {}: sm_{}: {} registers, the budget is {}\n",
                                good[0].kernel, good[0].architecture, registers, registers - 1)));
  EXPECT_THAT(lower.output, HasSubstr("256 bytes of stack, none is allowed\n"));
}

}  // namespace
}  // namespace ekgine
