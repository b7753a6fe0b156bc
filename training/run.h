// One training run in its directory: what train() and resume() (training/train.h) make or go on
// with.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/provenance.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "data/store.h"
#include "engine/device.h"
#include "engine/profile.h"
#include "evaluation/evaluation.h"
#include "model/model.h"
#include "training/checkpoint.h"
#include "training/options.h"
#include "training/predict.h"
#include "training/step.h"
#include "training/stores.h"
#include "training/tensorboard.h"

namespace ekgine {

// Weights of the best epoch so far, in a run directory.
inline constexpr const char* weights_file = "model.safetensors";

struct TrainResult {
  std::filesystem::path run;             // the run directory
  std::int64_t epochs = 0;               // completed
  std::int64_t best_epoch = 0;           // whose weights model.safetensors holds
  double sequences_per_second = 0;       // over whole epochs, without the first if there are more;
                                         // validation not counted
  double seconds = 0;                    // of this process
  double peak_rss_mb = 0;                // of this process, 10⁶ bytes
  std::optional<Evaluation> evaluation;  // of test or else validation records; none without both,
                                         // and on ranks but the first
  std::string evaluated;                 // "test" or "validation"
  std::optional<Profile> profile;        // of the training steps, where asked for
};

// Whether this process is the only one or the first of the ranks: it alone writes.
inline bool is_first(const Ranks* ranks) {
  return ranks == nullptr || ranks->rank() == 0;
}

class Run {
 public:
  // Reads the data and makes model and step, all that can fail before anything is written. A new
  // run, or the one of `checkpoint`. Options, `say` and the ranks outlive it. Errors: those of
  // train().
  Run(const TrainOptions& options, std::filesystem::path directory, const Checkpoint* checkpoint,
      const std::function<void(const std::string&)>& say, bool profile, Ranks* ranks);
  // What started it: this process, or the one that wrote the checkpoint's first.
  const Provenance& made() const { return made_; }
  // Writes the checkpoint, on the first rank.
  void save() const;
  // Without `epochs`: all of them and the evaluation. With it: up to that many.
  TrainResult execute(std::optional<std::int64_t> epochs);

 private:
  using Clock = std::chrono::steady_clock;

  void make_step();
  void check_ranks(const Checkpoint* checkpoint);
  void check_same_weights();
  std::vector<RecordPredictions> predict(std::span<const RecordBeats> records, Progress& progress);
  void go_on_from(const Checkpoint& checkpoint);
  void announce() const;
  void train_epochs(std::int64_t epochs);
  void train_epoch();
  const Batch* next_batch();
  void write_profile();
  std::int64_t labels_seen() const;  // of the epoch so far, by all members
  // What there is to be done after a step.
  struct AfterStep {
    bool stop = false, save = false, show = false;
  };
  AfterStep agree(AfterStep mine);
  void take_totals();  // of the same
  void show(Progress& progress);
  void finish_epoch(double seconds, std::int64_t sequences);
  void close_epoch(Json line, std::optional<double> per_second);
  void keep_if_best(const Json& line);
  void write_card(const Evaluation* evaluation) const;  // of the weights that are kept
  double learning_rate() const;
  double mean_rate() const;  // of the epochs that were whole, sequences/s
  Evaluation validate(const std::string& title);
  std::optional<Evaluation> evaluate_best();

  const TrainOptions& options_;
  std::filesystem::path directory_;
  const std::function<void(const std::string&)>& say_;
  Ranks* ranks_;  // null: this process alone
  Clock::time_point start_ = Clock::now();
  Store store_;
  std::vector<FurtherStore> more_;
  std::unique_ptr<Dataset> training_;
  std::vector<RecordBeats> validation_;
  Device device_;
  Model model_;
  Loader loader_;
  std::int64_t batches_;  // of an epoch
  std::unique_ptr<TrainingStep> step_;
  std::unique_ptr<Predictor> predictor_;
  RunInputs inputs_;
  Provenance made_;
  TrainingState state_;
  std::vector<double> epoch_rates_;  // sequences/s of whole epochs of this process
  std::optional<Profile> profile_;
  std::unique_ptr<TensorBoardLog> tensorboard_;
};
}  // namespace ekgine
