// What a training run is asked to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/choice.h"
#include "base/json.h"
#include "data/sampler.h"
#include "engine/device.h"
#include "engine/schedule.h"
#include "kernels/adamw.h"
#include "model/config.h"
#include "training/class_weights.h"

namespace ekgine {

// A text, number or truth value as TOML, whatever the text holds.
std::string toml_value(const Json& value);

// How the learning rate goes down (engine/schedule.h).
enum class Schedule { cosine, plateau, constant };
constexpr auto choices_of(Schedule) {
  using enum Schedule;
  return std::to_array<Choice<Schedule>>(
      {{cosine, "cosine"}, {plateau, "plateau"}, {constant, "constant"}});
}

// What of the validation decides the best epoch and early stopping.
enum class Monitor { loss, accuracy, macro_f1 };
constexpr auto choices_of(Monitor) {
  using enum Monitor;
  return std::to_array<Choice<Monitor>>(
      {{loss, "loss"}, {accuracy, "accuracy"}, {macro_f1, "macro_f1"}});
}

// To add an option: its member here, with its default, and a row in training/option_table.h.
struct TrainOptions {
  ModelConfig model{.beat_unit = BeatUnit::deviation};

  std::filesystem::path data;  // the store
  // Further stores, whose records train (training/stores.h), and the weight of each (Share): none,
  // or one for each.
  std::vector<std::filesystem::path> more_data;
  std::vector<double> more_weights;
  std::vector<std::string> train_records;
  std::vector<std::string> validation_records;  // may be empty: no validation
  std::vector<std::string> test_records;        // may be empty: the report is about validation

  std::int64_t epochs = 6;
  std::int64_t batch_size = SamplerOptions().batch_size;  // sequences
  double learning_rate = 5e-4;
  Schedule schedule = Schedule::cosine;
  double weight_decay = kernels::AdamWSettings().weight_decay;
  std::int64_t warm_up_steps = 0;  // over which the learning rate rises; 0: none
  // Of the moving average of the weights, which is then what is validated and kept; 0: none.
  double ema_decay = 0;
  ClassWeighting class_weights = ClassWeighting::none;
  // Standard deviation of the logarithm of a random factor on each training beat; 0: none.
  double amplitude_jitter = 0.25;
  // Each training beat's window is shifted by a random number of samples, up to so many either way.
  std::int64_t time_jitter = 0;
  Monitor monitor = Monitor::loss;
  std::int64_t patience = EarlyStopping().patience;  // epochs without improvement before stopping
  Shuffle shuffle = Shuffle::stretches;
  // Consecutive sequences kept together by `stretches`.
  std::int64_t stretch_length = SamplerOptions().stretch_length;
  bool encode_each = false;     // encode the beats of every sequence, shared or not
  bool pseudo_records = false;  // train Rhythm_Model on data/pseudo_records.h, too
  bool allow_absent_classes = false;

  DeviceChoice device = DeviceChoice::automatic;
  PrecisionChoice precision = PrecisionChoice::f32;
  std::uint64_t seed = 42;
  std::int64_t threads = 0;  // resolved: at least 1

  std::filesystem::path output;       // the run directory
  std::filesystem::path tensorboard;  // folder for event files; empty: none

  // Throws an OptionError naming the first option out of its range.
  void check() const;

  // That of further store number i; 1 where none is given.
  double more_weight(std::size_t i) const { return more_weights.empty() ? 1 : more_weights[i]; }

  // All of the above by their names, but for `output`; `tensorboard` where it is set.
  Json to_json() const;
  // The inverse, and check(): what is read back is trusted no more than what is typed. Strict:
  // missing and unknown keys and values of another type are errors, which begin with `source`.
  static TrainOptions from_json(const Json& json, const std::string& source);

  // The options but `output` and `tensorboard`, which belong to one run, as a file for --config: a
  // [train] section.
  std::string to_toml() const;

  // Fails, naming the first option of `started` (to_json() of an earlier run in `directory`) that
  // differs from these. Device and threads may: a run goes on with its own number of threads.
  void check_same(const Json& started, const std::filesystem::path& directory) const;
};

}  // namespace ekgine
