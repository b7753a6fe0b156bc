#include "research/study.h"

#include <chrono>
#include <sstream>
#include <thread>
#include <vector>

#include "base/atomic_file.h"
#include "base/directory_lock.h"
#include "base/error.h"
#include "kernels/runtime/cpu.h"
#include "training/checkpoint.h"

namespace ekgine {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

namespace {

constexpr const char* format_name = "ekgine-study-1";

}  // namespace

ordered_json read_result(const fs::path& path) {
  try {
    return ordered_json::parse(read_file(path));
  } catch (const nlohmann::json::parse_error& error) {
    fail("{}: not JSON: unexpected at byte {}", path.string(), error.byte);
  }
}

ordered_json read_history(const fs::path& run) {
  const fs::path path = run / "history.jsonl";
  std::istringstream lines(read_file(path));
  ordered_json history = ordered_json::array();
  for (std::string line; std::getline(lines, line);) {
    try {
      history.push_back(ordered_json::parse(line));
    } catch (const nlohmann::json::parse_error&) {
      fail("{}:{}: not JSON", path.string(), history.size() + 1);
    }
  }
  return history;
}

void open_study(const fs::path& directory, const std::string& kind, TrainOptions& options,
                const ordered_json& plan) {
  const fs::path path = directory / "study.json";
  if (has_checkpoint(directory)) {
    fail("{}: holds a training run, not a {} study; choose another --output", directory.string(),
         kind);
  }
  make_directory(directory);
  const DirectoryLock lock(directory, DirectoryLock::Wanted::wait);
  if (!fs::exists(path)) {
    const ordered_json study = {
        {"format", format_name}, {"kind", kind}, {"options", options.to_json()}, {"plan", plan}};
    write_file(path, study.dump(2) + "\n");
  } else {
    const ordered_json study = read_result(path);
    if (!study.is_object() || study.value("format", "") != format_name ||
        !study.contains("options") || !study.contains("plan")) {
      fail("{}: is no study of this version (format {} expected)", path.string(), format_name);
    }
    if (study.at("kind") != kind) {
      fail("{}: holds a {} study, not a {} study; choose another --output", directory.string(),
           study.at("kind").get<std::string>(), kind);
    }
    const ordered_json& started = study.at("options");
    options.check_same(started, directory);
    for (const auto& [name, value] : plan.items()) {
      const ordered_json before = study.at("plan").value(name, ordered_json());
      if (before == value) continue;
      fail("{}: was started with {} {}, not {}; give the same options or choose another --output",
           directory.string(), name, before.dump(), value.dump());
    }
    options.threads = started.at("threads").get<std::int64_t>();
  }
  set_thread_count(static_cast<int>(options.threads));
}

void do_units(std::span<const Unit> units, bool wait) {
  std::vector<const Unit*> left;
  for (const Unit& unit : units) left.push_back(&unit);
  while (!left.empty()) {
    std::vector<const Unit*> busy;
    for (const Unit* unit : left) {
      throw_if_interrupted();
      if (fs::exists(unit->result)) continue;
      try {
        const OutputDirectory output(unit->directory);
        const DirectoryLock lock(unit->directory);
        // Another process may have done it just before it let go of the lock.
        if (fs::exists(unit->result)) continue;
        write_file(unit->result, unit->work().dump(2) + "\n");
      } catch (const InUse&) {
        if (!wait) throw;
        busy.push_back(unit);
      }
    }
    left = std::move(busy);
    if (!left.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

}  // namespace ekgine
