#include "model/config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/beat.h"
#include "base/error.h"
#include "base/json.h"
#include "base/suggestion.h"
#include "model/json_text.h"
#include "model/option_table.h"

namespace ekgine {

namespace {

constexpr std::pair<const char*, architecture::Set> architectures[] = {
    {"Main_Model", architecture::main},        {"AttentionOnly", architecture::attention_only},
    {"CNNLSTM_Model", architecture::cnn_lstm}, {"Baseline_Model", architecture::baseline},
    {"Rhythm_Model", architecture::rhythm},
};

// A set of one, or 0 for a name that is none.
unsigned architecture_of(const std::string& name) {
  for (const auto& [known, set] : architectures) {
    if (name == known) return set;
  }
  return 0;
}

// The keys of weights files are those of ModelConfig's members.
std::string key_of(std::string_view option) {
  if (option == "model") return "name";
  std::string key(option);
  std::ranges::replace(key, '-', '_');
  return key;
}

// Calls visit(option, value) for every option that the config's architecture has.
template <class Config, class Visit>
void for_each_of(Config& config, const Visit& visit) {
  for_each_option(model_options, config, [&](const auto& option, auto& value) {
    const bool has = option.architectures == architecture::all ||
                     (option.architectures & architecture_of(config.name)) != 0;
    if (has) visit(option, value);
  });
}

bool takes(FeatureSet features, FeatureSet one) {
  return (static_cast<unsigned>(features) & static_cast<unsigned>(one)) != 0;
}

template <class T>
constexpr const char* kind_of_value = "a text";
template <>
constexpr const char* kind_of_value<std::int64_t> = "an integer";
template <>
constexpr const char* kind_of_value<double> = "a number";

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const auto& [name, set] : architectures) names.emplace_back(name);
  return names;
}

std::vector<std::string> reference_model_names() {
  std::vector<std::string> names;
  for (const auto& [name, set] : architectures) {
    if ((set & architecture::of_samples) != 0) names.emplace_back(name);
  }
  return names;
}

void ModelConfig::check() const {
  if (architecture_of(name) == 0) {
    fail_option({"model"}, "model '{}' is unknown ({} are there){}", name,
                fmt::join(model_names(), ", "), did_you_mean(name, model_names()));
  }
  for_each_of(*this, [](const auto& option, const auto& value) { check_option(option, value); });
  // With an even kernel "same" padding is lopsided: a beat would see more of one side.
  if ((architecture_of(name) & architecture::with_convolution) != 0 && kernel_size % 2 == 0) {
    fail_option({"kernel-size"}, "kernel size must be odd, got {}", kernel_size);
  }
}

bool ModelConfig::labels_every_beat() const {
  return architecture_of(name) == architecture::rhythm;
}

std::string ModelConfig::member_prefix(std::int64_t member) const {
  return members() == 1 ? "" : fmt::format("members.{}.", member);
}

bool ModelConfig::has(std::string_view option) const {
  bool found = false;
  for_each_of(*this, [&](const auto& row, const auto&) { found = found || row.name == option; });
  return found;
}

BeatUnit ModelConfig::input() const {
  if (!labels_every_beat()) return beat_unit;
  return takes(features, FeatureSet::scalogram) ? BeatUnit::waves : BeatUnit::features;
}

Columns ModelConfig::feature_columns() const {
  const std::int64_t rhythm = takes(features, FeatureSet::rhythm) ? rhythm_features : 0;
  const std::int64_t shape = takes(features, FeatureSet::shape) ? leads * lead_features : 0;
  return {rhythm > 0 || shape == 0 ? 0 : rhythm_features, rhythm + shape};
}

Columns ModelConfig::wave_columns() const {
  return {beat_features, takes(features, FeatureSet::scalogram) ? leads * wave_samples : 0};
}

std::string ModelConfig::feature_text() const {
  std::vector<std::string> taken;
  if (feature_columns().count > 0) {
    taken.push_back(fmt::format("{} features of its {}", feature_columns().count,
                                !takes(features, FeatureSet::shape)   ? "rhythm"
                                : takes(features, FeatureSet::rhythm) ? "rhythm and shape"
                                                                      : "shape"));
  }
  if (takes(features, FeatureSet::scalogram)) taken.emplace_back("scalograms of its waves");
  const bool one_lead = leads == 1 && features != FeatureSet::rhythm;
  return fmt::format("{}{}", fmt::join(taken, ", and "), one_lead ? ", in one lead" : "");
}

void ModelConfig::check_beats(BeatUnit unit, std::string_view whose) const {
  if (unit == input()) return;
  fail("{}: the beats' amplitude is {}, the model takes {}", whose, beat_unit_name(unit),
       beat_unit_name(input()));
}

Json ModelConfig::to_json() const {
  std::map<std::string, Json> sorted;
  for_each_of(*this, [&](const auto& option, const auto& value) {
    sorted[key_of(option.name)] = option_to_json(value);
  });
  // The defaults are what files without them mean, and what programs from before them can read.
  const ModelConfig defaults;
  if (features == defaults.features) sorted.erase("features");
  if (leads == defaults.leads) sorted.erase("leads");
  Json result = Json::object();
  for (const auto& [key, value] : sorted) result[key] = value;
  return result;
}

ModelConfig ModelConfig::from_json(const Json& object, const std::string& source) {
  if (!object.is_object()) fail("{}: expected a JSON object, got {}", source, brief(object));
  ModelConfig config;
  std::set<std::string> known;
  for_each_of(config, [&]<class T>(const auto& option, T& value) {
    const std::string key = key_of(option.name);
    known.insert(key);
    const Json* found = object.find(key);
    if (found == nullptr) {
      if (key == "amplitude" || key == "ensemble_size" || key == "features" || key == "leads") {
        return;
      }
      fail("{}: {} is missing", source, key);
    }
    std::optional<T> stored;
    try {
      stored = option_from_json<T>(option.name, *found);
    } catch (const Error& error) {
      fail("{}: {}", source, error.what());
    }
    if (!stored) fail("{}: {} must be {}, got {}", source, key, kind_of_value<T>, brief(*found));
    value = std::move(*stored);
  });
  try {
    config.check();
  } catch (const Error& error) {
    fail("{}: {}", source, error.what());
  }
  for (const auto& [key, value] : object.items()) {
    if (!known.contains(key)) fail("{}: unknown key '{}' for {}", source, key, config.name);
  }
  return config;
}

}  // namespace ekgine
