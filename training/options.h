// What a training run is asked to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "model/config.h"

namespace ekgine {

// A text, number or truth value as TOML, whatever the text holds.
std::string toml_value(const nlohmann::ordered_json& value);

struct TrainOptions {
  ModelConfig model{.beat_unit = BeatUnit::deviation};

  std::filesystem::path data;  // the store
  std::vector<std::string> train_records;
  std::vector<std::string> validation_records;  // may be empty: no validation
  std::vector<std::string> test_records;        // may be empty: the report is about validation

  std::int64_t epochs = 6;
  std::int64_t batch_size = 128;  // sequences
  double learning_rate = 5e-4;
  std::string schedule = "cosine";  // cosine, plateau or constant
  double weight_decay = 0.004;
  std::string class_weights = "none";  // none, balanced or sqrt
  // Standard deviation of the logarithm of a random factor on each training beat; 0: none.
  double amplitude_jitter = 0.25;
  // What decides the best epoch and early stopping: loss, accuracy or macro_f1 of validation.
  std::string monitor = "loss";
  std::int64_t patience = 5;     // epochs without improvement before stopping
  std::string shuffle = "runs";  // runs, full or stream
  std::int64_t run_length = 16;  // consecutive sequences kept together by `runs`
  bool encode_each = false;      // encode the beats of every sequence, shared or not
  bool allow_absent_classes = false;

  std::string device = "auto";    // auto, cpu or cuda
  std::string precision = "f32";  // f32 or bf16; on CUDA also tf32
  std::uint64_t seed = 42;
  std::int64_t threads = 0;  // resolved: at least 1

  std::filesystem::path output;       // the run directory
  std::filesystem::path tensorboard;  // folder for event files; empty: none

  // Throws an Error naming the first option out of its range.
  void check() const;

  // All of the above by the names of the command-line options, but for `output`; `tensorboard`
  // where it is set.
  nlohmann::ordered_json to_json() const;
  // The inverse, and check(): what is read back is trusted no more than what is typed. Strict:
  // missing and unknown keys and values of another type are errors, which begin with `source`.
  static TrainOptions from_json(const nlohmann::ordered_json& json, const std::string& source);

  // The options but `output` and `tensorboard`, which belong to one run, as a file for --config: a
  // [train] section.
  std::string to_toml() const;

  // Fails, naming the first option of `started` (to_json() of an earlier run in `directory`) that
  // differs from these. Device and threads may: a run goes on with its own number of threads.
  void check_same(const nlohmann::ordered_json& started,
                  const std::filesystem::path& directory) const;
};

}  // namespace ekgine
