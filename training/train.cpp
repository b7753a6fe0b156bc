#include "training/train.h"

#include <fmt/format.h>

#include <utility>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/directory_lock.h"
#include "base/interrupt.h"
#include "base/option_error.h"
#include "base/seal.h"
#include "data/splits.h"
#include "kernels/runtime/cpu.h"
#include "kernels/runtime/threads.h"
#include "training/checkpoint.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

// The first lines of config.toml.
std::string provenance_comment(const Provenance& made) {
  return fmt::format("# {}\n# {}\n# {}\n", printable(made.command), printable(made.tool),
                     printable(made.device));
}

TrainResult start(const TrainOptions& options, std::optional<std::int64_t> epochs,
                  const std::function<void(const std::string&)>& say, bool profile, Ranks* ranks) {
  options.check();
  const Split split{options.train_records, options.validation_records, options.test_records};
  check_split(split, "records");
  if (ranks != nullptr && ranks->count() > options.batch_size) {
    throw AgreedError(fmt::format("--batch-size {}: too few for {} ranks, each must get a sequence",
                                  options.batch_size, ranks->count()));
  }
  const bool writes = is_first(ranks);
  // Looked at with its lock held: until then another process may make the run.
  std::optional<OutputDirectory> output;
  if (writes) output.emplace(options.output);
  if (writes && (has_checkpoint(options.output) || fs::exists(options.output / weights_file))) {
    fail_option({"output", "resume"},
                "{}: holds a run already; choose another folder, or go on with it",
                options.output.string());
  }
  Run run(options, options.output, nullptr, say, profile, ranks);
  if (writes) {
    write_file(options.output / "config.toml",
               with_seal_line(provenance_comment(run.made()) + options.to_toml()));
    write_split(options.output / "splits.json", split);
  }
  // From here on the run is there: killed earlier, it is started again; killed later, resumed.
  run.save();
  return run.execute(epochs);
}

TrainResult go_on(const fs::path& directory, const Checkpoint& checkpoint, TrainOptions options,
                  std::optional<std::int64_t> epochs,
                  const std::function<void(const std::string&)>& say, bool profile, Ranks* ranks) {
  // Sums are divided among the threads: another number of them would give other bits.
  start_threads(static_cast<int>(options.threads));
  set_thread_count(static_cast<int>(options.threads));
  std::optional<Run> run;
  try {
    run.emplace(options, directory, &checkpoint, say, profile, ranks);
  } catch (const Interrupted&) {  // while the records were read
    throw Interrupted(fmt::format("interrupted after step {}", checkpoint.state.step));
  }
  return run->execute(epochs);
}

}  // namespace

TrainResult train(const TrainOptions& options, const std::function<void(const std::string&)>& say,
                  bool profile, Ranks* ranks) {
  return start(options, std::nullopt, say, profile, ranks);
}

TrainResult resume(const fs::path& directory, std::optional<DeviceChoice> device,
                   const std::function<void(const std::string&)>& say, bool profile, Ranks* ranks) {
  std::optional<DirectoryLock> lock;
  if (is_first(ranks) && has_checkpoint(directory)) lock.emplace(directory);
  const Checkpoint checkpoint = load_checkpoint(directory);
  TrainOptions options = checkpoint.options;
  if (device) options.device = *device;
  return go_on(directory, checkpoint, std::move(options), std::nullopt, say, profile, ranks);
}

TrainResult train_or_resume(const TrainOptions& options, std::optional<std::int64_t> epochs,
                            const std::function<void(const std::string&)>& say) {
  if (!has_checkpoint(options.output)) return start(options, epochs, say, false, nullptr);
  const DirectoryLock lock(options.output);
  const Checkpoint checkpoint = load_checkpoint(options.output);
  options.check_same(checkpoint.options.to_json(), options.output);
  TrainOptions same = checkpoint.options;
  same.device = options.device;
  return go_on(options.output, checkpoint, std::move(same), epochs, say, false, nullptr);
}

}  // namespace ekgine
