// What a training run tells TensorBoard: event files in a folder of its own.
//
// Steps are epochs, counted from 1, as in history.jsonl: the loss of single training steps stays on
// the device. Each epoch gives loss/training, accuracy/training, learning_rate and
// sequences_per_second; with validation records also loss/validation, accuracy/validation,
// macro_f1/validation and the picture confusion_matrix/validation. The evaluation at the end gives
// loss, accuracy, macro_f1 and confusion_matrix of `test`, or of `best` where the best epoch was
// evaluated on validation records, at the epoch whose weights they are of.
//
// Epochs go to a file that grows, a new one per process. One that resumes a run begins with the
// order to forget what earlier files say of its first epoch and later ones, so no epoch is there
// twice. The evaluation is a file of its own, replaced as a whole when it is made again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/directory_lock.h"
#include "evaluation/event_file.h"
#include "evaluation/metrics.h"
#include "evaluation/plots.h"

namespace ekgine {

class TensorBoardLog {
 public:
  // Creates the folder. A message on pictures that cannot be drawn goes to `say`, once. Errors: it
  // cannot be made or written; it holds event files, unless the run is `resumed`; another process
  // is at work there (InUse).
  TensorBoardLog(std::filesystem::path directory, bool resumed,
                 std::function<void(const std::string&)> say);

  // The rate is of what this process trained of the epoch, if anything. `validation` where there
  // are validation records. Errors: the disk is full.
  void add_epoch(std::int64_t epoch, const EpochValues& values,
                 std::optional<double> sequences_per_second,
                 const std::optional<Metrics>& validation);

  // `name` is "test" or "best"; `epoch` the one whose weights were evaluated.
  void set_evaluation(std::int64_t epoch, const std::string& name, const Metrics& metrics);

 private:
  void draw(EventValues& values, const std::string& name, const Metrics& metrics);

  std::filesystem::path directory_;
  std::optional<DirectoryLock> lock_;
  bool resumed_;
  std::function<void(const std::string&)> say_;
  bool said_ = false;
  std::unique_ptr<EventWriter> epochs_;  // none before the first epoch of this process
};

}  // namespace ekgine
