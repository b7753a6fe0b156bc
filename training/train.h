// A training run, from the store to a run directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "engine/device.h"
#include "engine/ranks.h"
#include "training/options.h"
#include "training/run.h"

namespace ekgine {

// Trains as the options say and writes the run directory, which must not hold a run yet:
//   config.toml, splits.json       at the start
//   checkpoint.safetensors, .json  at the start, after every epoch, on Ctrl-C, every two minutes
//   history.jsonl                  a line per epoch
//   model.safetensors              weights of the best epoch so far (the last without validation)
//   model_card.md                  with them, and again at the end (training/model_card.h)
//   report.txt, metrics.json, predictions.h5, plots: at the end, of model.safetensors on the test
//                                  records or else the validation records
//   profile.txt, trace.json        with `profile`, after the last step or Ctrl-C: where the time of
//                                  the steps went (see training/profile_report.h). The results are
//                                  the same; on CUDA every op is waited for and no graph is used,
//                                  which takes longer
// With `ranks`, this process is one of several that train the model together, each in a call of its
// own with the same options: batches are shared (training/step.h), and so are the records of an
// evaluation. The first one alone has the directory; the others read there what it has written. All
// of them see the store.
// Messages for the user go to `say`. Errors: options, store and records, a class absent from the
// training records, a loss that is not finite; ranks that differ in what decides the results, or
// more of them than sequences in a batch; InUse (base/directory_lock.h) when another process
// is at work in the directory. Throws Interrupted after saving a checkpoint.
TrainResult train(const TrainOptions& options, const std::function<void(const std::string&)>& say,
                  bool profile = false, Ranks* ranks = nullptr);

// Goes on with a run that was cut short, on its own device or `device` and as many threads as it
// was started with, bit for bit as if it had not been; on other ranks within rounding, and a
// message says so. A run that is complete is evaluated again. Errors: no checkpoint; the store has
// changed since.
TrainResult resume(const std::filesystem::path& run, std::optional<DeviceChoice> device,
                   const std::function<void(const std::string&)>& say, bool profile = false,
                   Ranks* ranks = nullptr);

// The run of options.output from wherever it stands: train() where there is none, or else resume(),
// on the device that the options name. For work made of many runs that may be killed in any of
// them. With `epochs`, it is brought to that many (of options.epochs, which schedules still reckon
// with) or to its early stop, can go on later, and is not evaluated.
// Errors: also a run that was started with other options, the first of which is named.
TrainResult train_or_resume(const TrainOptions& options, std::optional<std::int64_t> epochs,
                            const std::function<void(const std::string&)>& say);

}  // namespace ekgine
