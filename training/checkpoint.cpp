#include "training/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"
#include "base/json_file.h"
#include "base/seal.h"
#include "data/labels.h"
#include "data/splits.h"
#include "model/safetensors.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

constexpr const char* format_name = "ekgine-checkpoint-2";
constexpr const char* unsealed_format = "ekgine-checkpoint-1";
// More than the 10^6 epochs of 2^31 sequences that there can be.
constexpr std::int64_t most_steps = std::int64_t{1} << 52;
constexpr std::int64_t most_ranks = 1 << 20;
constexpr const char* first_moment = "adamw.m.";
constexpr const char* second_moment = "adamw.v.";
constexpr const char* average = "average.";

// JSON has no infinity, which `best` is before the first epoch.
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}
double number(const std::string& source, const Json& json, const char* key) {
  if (json.is_object() && json.contains(key) && json.at(key).is_null()) {
    return std::numeric_limits<double>::infinity();
  }
  return json_value<double>(source, json, key, "a number");
}

Json to_json(const TrainingState& s) {
  Json json = {
      {"step", s.step},
      {"epoch", s.epoch},
      {"batch", s.batch},
      {"loss_sum", s.loss_sum},
      {"correct", s.correct},
      {"sequences", s.sequences},
      {"plateau",
       {{"rate", s.plateau.rate}, {"best", number(s.plateau.best)}, {"wait", s.plateau.wait}}},
      {"early_stopping",
       {{"best", number(s.stopping.best)},
        {"best_epoch", s.stopping.best_epoch},
        {"wait", s.stopping.wait}}},
      {"history", s.history}};
  if (s.ranks != 1) json["ranks"] = s.ranks;
  return json;
}

TrainingState state_from_json(const Json& json, const std::string& source) {
  const auto count = [&](const Json& object, const char* key) {
    return json_number<std::int64_t>(source, object, key, 0, most_steps);
  };
  const auto member = [&](const char* key) {
    return json_value<Json>(source, json, key, "an object");
  };
  TrainingState s;
  s.step = count(json, "step");
  s.epoch = count(json, "epoch");
  s.batch = count(json, "batch");
  s.loss_sum = json_value<double>(source, json, "loss_sum", "a number");
  s.correct = count(json, "correct");
  s.sequences = count(json, "sequences");
  if (json.contains("ranks")) {
    s.ranks = json_number<std::int64_t>(source, json, "ranks", 1, most_ranks);
  }
  const Json plateau = member("plateau");
  s.plateau.rate = json_value<double>(source, plateau, "rate", "a number");
  s.plateau.best = number(source, plateau, "best");
  s.plateau.wait = count(plateau, "wait");
  const Json stopping = member("early_stopping");
  s.stopping.best = number(source, stopping, "best");
  s.stopping.best_epoch = count(stopping, "best_epoch");
  s.stopping.wait = count(stopping, "wait");
  s.history = json_value<std::vector<Json>>(source, json, "history", "a list");
  return s;
}

// An entry of the history, which is that of epoch `number`.
void check_epoch(const Json& line, std::int64_t number, bool validated, const std::string& source) {
  if (!line.is_object()) fail("{}: expected an object", source);
  check_keys(source, line,
             {"epoch", "loss", "accuracy", "learning_rate", "seconds", "validation_loss",
              "validation_accuracy", "validation_macro_f1"});
  json_number<std::int64_t>(source, line, "epoch", number, number);
  json_value<double>(source, line, "loss", "a number");
  json_number<double>(source, line, "accuracy", 0, 1);
  json_number<double>(source, line, "learning_rate", 0, 10);
  json_number<double>(source, line, "seconds", 0, 1e12);
  if (line.contains("validation_loss") != validated) {
    fail("{}: has {}validation, which the run has{}", source, validated ? "no " : "",
         validated ? "" : " not");
  }
  if (!validated) return;
  json_value<double>(source, line, "validation_loss", "a number");
  json_number<double>(source, line, "validation_accuracy", 0, 1);
  json_number<double>(source, line, "validation_macro_f1", 0, 1);
}

// Fails where the widths that decide how large the model is are not those of the arrays, before it
// is made.
void check_sizes(const ModelConfig& config, const StateDict& arrays, const std::string& source) {
  const auto check = [&](const std::string& name, std::size_t axis, std::int64_t extent) {
    const auto found = arrays.find(name);
    if (found == arrays.end() || found->second.shape.size() <= axis ||
        found->second.shape[axis] != extent) {
      fail("{}: {} is missing or not {} wide, as the options say", source, name, extent);
    }
  };
  if (config.labels_every_beat()) {
    const std::string last = config.member_prefix(config.members() - 1);
    check(last + "projection.dense2.weight", 1, config.embed_dim);
  } else {
    check("features.conv3.weight", 3, config.embed_dim);
  }
  if (config.name == "CNNLSTM_Model" || config.name == "Baseline_Model") return;
  const std::string last =
      fmt::format("{}encoder.{}.attention.", config.member_prefix(0), config.num_blocks - 1);
  check(last + "query.weight", 1, config.num_heads);
  if (!config.labels_every_beat()) check(last + "position", 0, config.sequence_length);
}

}  // namespace

fs::path checkpoint_path(const fs::path& directory) {
  return directory / "checkpoint.safetensors";
}

RunInputs inputs_of(const Store& store, const std::vector<FurtherStore>& more,
                    const TrainOptions& options) {
  RunInputs inputs{
      store.info().label_map,
      store.fingerprint({options.train_records, options.validation_records, options.test_records})};
  for (const FurtherStore& further : more) {
    inputs.more.push_back(further.store.fingerprint({further.records, {}, {}}));
  }
  return inputs;
}

RunInputs inputs_of(const TrainOptions& options) {
  const Store store(options.data);
  return inputs_of(store, open_further_stores(store, options), options);
}

void check_inputs(const RunInputs& before, const RunInputs& now, const fs::path& source,
                  const TrainOptions& options) {
  const auto refuse = [&source](const fs::path& data) {
    fail("{}: its records are not those that {} was started with; restore them, or start anew",
         data.string(), source.string());
  };
  if (before == RunInputs{}) {
    notice(fmt::format("{}: does not say what it was trained on; taken to be {}", source.string(),
                       options.data.string()));
    return;
  }
  if (before.label_map != now.label_map) {
    fail("{}: was trained with label map {}, the store {} has {}", source.string(),
         before.label_map, options.data.string(), now.label_map);
  }
  if (before.fingerprint != now.fingerprint || before.more.size() != now.more.size()) {
    refuse(options.data);
  }
  for (std::size_t i = 0; i < now.more.size(); ++i) {
    if (before.more[i] != now.more[i]) refuse(options.more_data[i]);
  }
}

Json to_json(const RunInputs& inputs) {
  Json json = {{"label-map", inputs.label_map}, {"fingerprint", inputs.fingerprint}};
  if (!inputs.more.empty()) json["more"] = inputs.more;
  return json;
}

RunInputs inputs_from_json(const Json& json, const std::string& source) {
  const auto label_map = json_value<std::string>(source, json, "label-map", "a text");
  RunInputs inputs{std::string(label_map_name(label_map)),
                   json_value<std::string>(source, json, "fingerprint", "a text")};
  if (!is_seal(inputs.fingerprint)) fail("{}: 'fingerprint' is not a checksum", source);
  if (json.contains("more")) {
    inputs.more = json_value<std::vector<std::string>>(source, json, "more", "a list of texts");
  }
  for (const std::string& more : inputs.more) {
    if (!is_seal(more)) fail("{}: 'more' holds what is not a checksum", source);
  }
  return inputs;
}

void check_state(const TrainingState& state, const TrainOptions& options,
                 const std::string& source) {
  if (state.epoch > options.epochs || std::ssize(state.history) != state.epoch) {
    fail("{}: has a history of {} epochs after {} of {}", source, state.history.size(), state.epoch,
         options.epochs);
  }
  // Divided, since a crafted file's product may be too large.
  const std::int64_t labels = options.model.losses_per_sequence();
  if ((state.correct + labels - 1) / labels > state.sequences ||
      (state.sequences == 0 && state.loss_sum != 0)) {
    fail("{}: {} of {} times {} labels are correct, their loss is {}", source, state.correct,
         state.sequences, labels, state.loss_sum);
  }
  const bool validated = !options.validation_records.empty();
  PlateauSchedule plateau;
  plateau.rate = options.learning_rate;
  EarlyStopping stopping;
  for (std::int64_t epoch = 1; epoch <= state.epoch; ++epoch) {
    const Json& line = state.history.at(static_cast<std::size_t>(epoch - 1));
    check_epoch(line, epoch, validated, fmt::format("{}: epoch {} of the history", source, epoch));
    observe_epoch(line, options, plateau, stopping);
  }
  const auto same = [](const auto& a, const auto& b) {
    return a.best == b.best && a.wait == b.wait;
  };
  if (!same(plateau, state.plateau) || plateau.rate != state.plateau.rate ||
      !same(stopping, state.stopping) || stopping.best_epoch != state.stopping.best_epoch) {
    fail("{}: the learning rate or the early stopping is not where its history leads", source);
  }
}

bool observe_epoch(const Json& line, const TrainOptions& options, PlateauSchedule& plateau,
                   EarlyStopping& stopping) {
  const bool validated = !options.validation_records.empty();
  const auto value = [&line](const char* key) { return line.at(key).get<double>(); };
  const double loss = value(validated ? "validation_loss" : "loss");
  double monitored = loss;
  if (validated && options.monitor == Monitor::accuracy) monitored = -value("validation_accuracy");
  if (validated && options.monitor == Monitor::macro_f1) monitored = -value("validation_macro_f1");
  if (options.schedule == Schedule::plateau) plateau.observe(loss);
  const auto epoch = line.at("epoch").get<std::int64_t>();
  // Without validation there is nothing to choose by: the last epoch is kept.
  const bool best = stopping.observe(epoch, monitored) || !validated;
  if (best) stopping.best_epoch = epoch;
  return best;
}

void check_position(const TrainingState& state, const TrainOptions& options, std::int64_t batches,
                    std::int64_t sequences, const std::string& source) {
  if (state.batch > batches || state.step != state.epoch * batches + state.batch ||
      state.sequences != std::min(state.batch * options.batch_size, sequences)) {
    fail("{}: step {}, batch {} of epoch {}, after {} sequences: epochs have {} batches and {}",
         source, state.step, state.batch, state.epoch + 1, state.sequences, batches, sequences);
  }
}

bool has_checkpoint(const fs::path& directory) {
  return fs::exists(checkpoint_path(directory));
}

void save_checkpoint(const fs::path& directory, const TrainOptions& options,
                     const RunInputs& inputs, const Provenance& made, const TrainingState& state,
                     const Model& model) {
  std::deque<std::vector<float>> copies;
  std::vector<ArrayView> arrays;
  const auto add = [&](std::string name, const Tensor& tensor) {
    const std::vector<float>& values = copies.emplace_back(model.device().read_floats(tensor));
    arrays.push_back({std::move(name), {}, values});
  };
  const ParameterSet& parameters = model.parameters();
  const Tensor m = parameters.first_moments(), v = parameters.second_moments();
  for (const Parameter& parameter : parameters.trainable()) {
    const auto extents = parameter.value.shape().extents();
    add(parameter.name, parameter.value);
    arrays.back().shape = extents;
    add(first_moment + parameter.name, parameters.piece(m, parameter));
    arrays.back().shape = extents;
    add(second_moment + parameter.name, parameters.piece(v, parameter));
    arrays.back().shape = extents;
    if (parameters.has_average()) {
      add(average + parameter.name, parameters.piece(parameters.average(), parameter));
      arrays.back().shape = extents;
    }
  }
  for (const Parameter& buffer : parameters.buffers()) {
    add(buffer.name, buffer.value);
    arrays.back().shape = buffer.value.shape().extents();
  }
  const Json options_json = options.to_json(), state_json = to_json(state);
  const Json inputs_json = to_json(inputs), made_json = to_json(made);
  write_safetensors(checkpoint_path(directory), arrays,
                    {{"format", format_name},
                     {"options", json_text(options_json)},
                     {"inputs", json_text(inputs_json)},
                     {"made", json_text(made_json)},
                     {"state", json_text(state_json)}});
  write_file(directory / "checkpoint.json", json_text({{"format", format_name},
                                                       {"options", options_json},
                                                       {"inputs", inputs_json},
                                                       {"made", made_json},
                                                       {"state", state_json}},
                                                      2) +
                                                "\n");
}

Checkpoint load_checkpoint(const fs::path& directory) {
  const fs::path path = checkpoint_path(directory);
  const std::string name = path.string();
  if (!has_checkpoint(directory)) {
    fail("{}: no checkpoint.safetensors there, expected a run directory", directory.string());
  }
  WeightsFile file = read_safetensors(path);
  const auto metadata = [&](const char* key) {
    const auto found = file.metadata.find(key);
    if (found == file.metadata.end()) fail("{}: is no checkpoint: has no '{}'", name, key);
    return found->second;
  };
  const std::string format = metadata("format");
  if (format != format_name && format != unsealed_format) {
    fail("{}: is no checkpoint of this version (format {} expected, found {})", name, format_name,
         format);
  }
  if (!file.sealed) {
    if (format == format_name) fail("{}: is damaged: its checksum is missing", name);
    notice(fmt::format("{}: has no checksum; taken as it is", name));
  }
  const auto json = [&](const char* key) {
    return parse_json(metadata(key), fmt::format("{}: metadata '{}'", name, key));
  };
  Checkpoint checkpoint;
  Json options = json("options");
  if (format == unsealed_format) {
    // Of fewer inputs than today's, and a weaker one.
    if (options.is_object()) options.erase("data-fingerprint");
  } else {
    checkpoint.inputs = inputs_from_json(json("inputs"), name + ": metadata 'inputs'");
  }
  if (file.metadata.contains("made")) {
    checkpoint.made = provenance_from_json(json("made"), name + ": metadata 'made'");
  }
  checkpoint.options = TrainOptions::from_json(options, name + ": metadata 'options'");
  check_split({checkpoint.options.train_records, checkpoint.options.validation_records,
               checkpoint.options.test_records},
              name);
  const std::string where = name + ": metadata 'state'";
  checkpoint.state = state_from_json(json("state"), where);
  check_state(checkpoint.state, checkpoint.options, where);
  check_sizes(checkpoint.options.model, file.arrays, name);
  check_finite(file.arrays, name);
  checkpoint.arrays = std::move(file.arrays);
  return checkpoint;
}

void restore(const Checkpoint& checkpoint, const fs::path& directory, Model& model) {
  const std::string source = checkpoint_path(directory).string();
  StateDict weights;
  for (const auto& [name, array] : checkpoint.arrays) {
    const bool of_optimiser = name.starts_with(first_moment) || name.starts_with(second_moment) ||
                              name.starts_with(average);
    if (!of_optimiser) {
      weights.emplace(name, array);
    }
  }
  model.load(weights, source);
  ParameterSet& parameters = model.parameters();
  const auto take = [&](const std::string& name, const Tensor& tensor) {
    const auto entry = checkpoint.arrays.find(name);
    if (entry == checkpoint.arrays.end() || std::ssize(entry->second.values) != tensor.size()) {
      fail("{}: {} is missing or not {}", source, name, tensor.shape().text());
    }
    model.device().write(tensor, std::span<const float>(entry->second.values));
  };
  const Tensor m = parameters.first_moments(), v = parameters.second_moments();
  for (const Parameter& parameter : parameters.trainable()) {
    take(first_moment + parameter.name, parameters.piece(m, parameter));
    if (parameters.has_average()) {
      take(average + parameter.name, parameters.piece(parameters.average(), parameter));
    }
    const std::string second = second_moment + parameter.name;
    take(second, parameters.piece(v, parameter));
    if (!std::ranges::all_of(checkpoint.arrays.at(second).values, [](float x) { return x >= 0; })) {
      fail("{}: {} holds a negative mean of squares", source, second);
    }
  }
}

}  // namespace ekgine
