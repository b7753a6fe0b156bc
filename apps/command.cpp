#include "apps/command.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/progress.h"
#include "data/splits.h"
#include "kernels/runtime/cpu.h"

namespace ekgine {

namespace {

// Cores this process may run on: containers and taskset leave fewer than the machine has.
std::int64_t available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

}  // namespace

void add_common_options(CLI::App& command, CommonOptions& common) {
  command.add_flag("--json", common.json, "Print the result as one JSON object on stdout");
  command.add_flag("--quiet", common.quiet, "No progress and no messages but errors");
  command.add_option("--threads", common.threads, "Threads to compute with (0: all cores)")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command.add_option("--device", common.device, "Where to compute: auto, cpu or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
}

CLI::Option* add_records_option(CLI::App& command, const std::string& name,
                                std::vector<std::string>& records, const std::string& description) {
  return command.add_option_function<std::string>(
      name,
      [&records, name](const std::string& list) {
        try {
          records = parse_records(list, name);
        } catch (const Error& error) {
          fail_usage("{}", error.what());
        }
      },
      description);
}

std::int64_t apply(const CommonOptions& common) {
  Progress::set_quiet(common.quiet);
#if !EKGINE_HAS_CUDA
  if (common.device == "cuda") {
    fail("--device cuda: this build has no CUDA back end; use --device cpu");
  }
#endif
  const std::int64_t threads = common.threads > 0 ? common.threads : available_cores();
  set_thread_count(static_cast<int>(threads));
  return threads;
}

void print_json(const nlohmann::ordered_json& json) {
  fmt::print("{}\n", json.dump());
  if (std::fflush(stdout) != 0) fail("stdout: cannot write the result");
}

void say(const CommonOptions& common, const std::string& text) {
  if (!common.quiet) fmt::print(stderr, "{}\n", text);
}

}  // namespace ekgine
