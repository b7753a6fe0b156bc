#include "training/checkpoint.h"

#include <cmath>
#include <deque>

#include "base/atomic_file.h"
#include "base/error.h"
#include "model/safetensors.h"

namespace ekgine {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

namespace {

constexpr const char* format_name = "ekgine-checkpoint-1";
constexpr const char* first_moment = "adamw.m.";
constexpr const char* second_moment = "adamw.v.";

fs::path arrays_path(const fs::path& directory) {
  return directory / "checkpoint.safetensors";
}

// JSON has no infinity, which `best` is before the first epoch.
ordered_json number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}
double number(const ordered_json& value) {
  return value.is_null() ? std::numeric_limits<double>::infinity() : value.get<double>();
}

ordered_json to_json(const TrainingState& s) {
  return {{"step", s.step},
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
}

TrainingState state_from_json(const ordered_json& json) {
  TrainingState s;
  json.at("step").get_to(s.step);
  json.at("epoch").get_to(s.epoch);
  json.at("batch").get_to(s.batch);
  json.at("loss_sum").get_to(s.loss_sum);
  json.at("correct").get_to(s.correct);
  json.at("sequences").get_to(s.sequences);
  const ordered_json& plateau = json.at("plateau");
  plateau.at("rate").get_to(s.plateau.rate);
  s.plateau.best = number(plateau.at("best"));
  plateau.at("wait").get_to(s.plateau.wait);
  const ordered_json& stopping = json.at("early_stopping");
  s.stopping.best = number(stopping.at("best"));
  stopping.at("best_epoch").get_to(s.stopping.best_epoch);
  stopping.at("wait").get_to(s.stopping.wait);
  s.history = json.at("history");
  return s;
}

}  // namespace

bool has_checkpoint(const fs::path& directory) {
  return fs::exists(arrays_path(directory));
}

void save_checkpoint(const fs::path& directory, const ordered_json& options,
                     const TrainingState& state, const Model& model) {
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
  }
  for (const Parameter& buffer : parameters.buffers()) {
    add(buffer.name, buffer.value);
    arrays.back().shape = buffer.value.shape().extents();
  }
  const ordered_json state_json = to_json(state);
  write_safetensors(
      arrays_path(directory), arrays,
      {{"format", format_name}, {"options", options.dump()}, {"state", state_json.dump()}});
  write_file(
      directory / "checkpoint.json",
      ordered_json{{"format", format_name}, {"options", options}, {"state", state_json}}.dump(2) +
          "\n");
}

Checkpoint load_checkpoint(const fs::path& directory) {
  const fs::path path = arrays_path(directory);
  if (!has_checkpoint(directory)) {
    fail("{}: no checkpoint.safetensors there, expected a run directory", directory.string());
  }
  WeightsFile file = read_safetensors(path);
  if (const auto format = file.metadata.find("format");
      format == file.metadata.end() || format->second != format_name) {
    fail("{}: is no checkpoint of this version (format {} expected, found {})", path.string(),
         format_name, format == file.metadata.end() ? "none" : format->second);
  }
  Checkpoint checkpoint;
  try {
    checkpoint.options = ordered_json::parse(file.metadata.at("options"));
    checkpoint.state = state_from_json(ordered_json::parse(file.metadata.at("state")));
  } catch (const std::exception& error) {
    fail("{}: the metadata is damaged: {}", path.string(), error.what());
  }
  checkpoint.arrays = std::move(file.arrays);
  return checkpoint;
}

void restore(const Checkpoint& checkpoint, const fs::path& directory, Model& model) {
  const std::string source = arrays_path(directory).string();
  StateDict weights;
  for (const auto& [name, array] : checkpoint.arrays) {
    if (!name.starts_with(first_moment) && !name.starts_with(second_moment)) {
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
    take(second_moment + parameter.name, parameters.piece(v, parameter));
  }
}

}  // namespace ekgine
