#include "research/study.h"

#include <chrono>
#include <thread>
#include <vector>

#include "base/atomic_file.h"
#include "base/directory_lock.h"
#include "base/error.h"
#include "base/json_file.h"
#include "base/option_error.h"
#include "data/labels.h"
#include "kernels/runtime/cpu.h"
#include "kernels/runtime/threads.h"
#include "research/search_space.h"
#include "training/checkpoint.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

constexpr const char* format_name = "ekgine-study-2";
constexpr const char* unsealed_format = "ekgine-study-1";

}  // namespace

Json read_result(const fs::path& path) {
  return read_json(path, Sealed::if_present);
}

Json read_history(const fs::path& run) {
  return load_checkpoint(run).state.history;
}

void open_study(const fs::path& directory, const std::string& kind, TrainOptions& options,
                const Json& plan) {
  const fs::path path = directory / "study.json";
  if (has_checkpoint(directory)) {
    fail_option({"output"}, "{}: holds a training run, not a {} study; choose another folder",
                directory.string(), kind);
  }
  make_directory(directory);
  const DirectoryLock lock(directory, DirectoryLock::Wanted::wait);
  const RunInputs inputs = inputs_of(options);
  if (!fs::exists(path)) {
    write_file(path, sealed_json({{"format", format_name},
                                  {"kind", kind},
                                  {"options", options.to_json()},
                                  {"inputs", to_json(inputs)},
                                  {"plan", plan}}));
  } else {
    const std::string name = path.string();
    const Json study = read_json(path, Sealed::if_present);
    const auto format = json_value<std::string>(path, study, "format", "a text");
    if (format != format_name && format != unsealed_format) {
      fail("{}: is no study of this version (format {} expected)", name, format_name);
    }
    check_keys(path, study, {"format", "kind", "options", "inputs", "plan"});
    if (const auto found = json_value<std::string>(path, study, "kind", "a text"); found != kind) {
      fail_option({"output"}, "{}: holds a {} study, not a {} study; choose another folder",
                  directory.string(), found, kind);
    }
    const Json started = json_value<Json>(path, study, "options", "an object");
    const TrainOptions before = TrainOptions::from_json(started, name);
    options.check_same(before.to_json(), directory);  // in today's names
    const Json planned = json_value<Json>(path, study, "plan", "an object");
    for (const auto& [key, value] : plan.items()) {
      Json then = json_value<Json>(path, planned, key.c_str(), "there");
      if (key == "label-map" && then.is_string()) {
        then = std::string(label_map_name(then.text()));
      }
      if (key == "space" && then.is_object()) then = in_todays_names(then);
      if (then == value) continue;
      fail_option({"output"},
                  "{}: was started with {} {}, not {}; give the same options or choose another "
                  "folder",
                  directory.string(), key, json_text(then), json_text(value));
    }
    RunInputs trained_on;
    if (format == format_name) {
      trained_on = inputs_from_json(json_value<Json>(path, study, "inputs", "an object"), name);
    }
    check_inputs(trained_on, inputs, path, options);
    options.threads = before.threads;
  }
  start_threads(static_cast<int>(options.threads));
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
        // Another process may have done it just before it let go of the lock.
        if (fs::exists(unit->result)) continue;
        write_file(unit->result, sealed_json(unit->work()));
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
