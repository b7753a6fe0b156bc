#include "model/config.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/json_text.h"

namespace ekgine {

namespace {

using nlohmann::json;

constexpr const char* main_model = "Main_Model";
constexpr const char* baseline_model = "Baseline_Model";

struct IntegerField {
  const char* name;
  std::int64_t ModelConfig::*member;
  std::int64_t largest;  // the smallest is 1
  bool main_model_only;
};

// The bounds are far above any sensible model; they keep a damaged file from asking for terabytes.
constexpr IntegerField integer_fields[] = {
    {"sequence_length", &ModelConfig::sequence_length, 4096, false},
    {"embed_dim", &ModelConfig::embed_dim, 4096, false},
    {"num_heads", &ModelConfig::num_heads, 256, true},
    {"ff_dim_multiplier", &ModelConfig::ff_dim_multiplier, 64, true},
    {"kernel_size", &ModelConfig::kernel_size, 255, true},
    {"num_blocks", &ModelConfig::num_blocks, 64, true},
};

std::int64_t integer(const json& value, const char* key, const std::string& source) {
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() ||
                     value.get<std::uint64_t>() <=
                         static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  if (!fits) fail("{}: {} must be an integer, got {}", source, key, brief(value));
  return value.get<std::int64_t>();
}

}  // namespace

std::vector<std::string> model_names() {
  return {main_model, baseline_model};
}

void ModelConfig::check() const {
  const bool conformer = name == main_model;
  if (!conformer && name != baseline_model) {
    fail("model '{}' is unknown (Main_Model, Baseline_Model are there)", name);
  }
  for (const IntegerField& field : integer_fields) {
    if (field.main_model_only && !conformer) continue;
    const std::int64_t value = this->*field.member;
    if (value < 1 || value > field.largest) {
      fail("{} must be 1 to {}, got {}", field.name, field.largest, value);
    }
  }
  if (!conformer) return;
  // With an even kernel "same" padding is lopsided: a beat would see more of one side.
  if (kernel_size % 2 == 0) fail("kernel_size must be odd, got {}", kernel_size);
  if (!(dropout >= 0 && dropout < 1)) fail("dropout must be in [0, 1), got {}", dropout);
}

json ModelConfig::to_json() const {
  const bool conformer = name == main_model;
  json result = {{"name", name}};
  for (const IntegerField& field : integer_fields) {
    if (conformer || !field.main_model_only) result[field.name] = this->*field.member;
  }
  if (conformer) result["dropout"] = dropout;
  return result;
}

ModelConfig ModelConfig::from_json(const json& object, const std::string& source) {
  if (!object.is_object()) fail("{}: expected a JSON object, got {}", source, brief(object));
  const auto value_of = [&](const char* key) -> const json& {
    const auto found = object.find(key);
    if (found == object.end()) fail("{}: {} is missing", source, key);
    return *found;
  };

  ModelConfig config;
  const json& name = value_of("name");
  if (!name.is_string()) fail("{}: name must be a text, got {}", source, brief(name));
  config.name = name.get<std::string>();
  const bool conformer = config.name == main_model;
  for (const IntegerField& field : integer_fields) {
    if (field.main_model_only && !conformer) continue;
    config.*field.member = integer(value_of(field.name), field.name, source);
  }
  if (conformer) {
    const json& dropout = value_of("dropout");
    if (!dropout.is_number()) fail("{}: dropout must be a number, got {}", source, brief(dropout));
    config.dropout = dropout.get<double>();
  }
  try {
    config.check();
  } catch (const Error& error) {
    fail("{}: {}", source, error.what());
  }
  const json known = config.to_json();
  for (const auto& [key, value] : object.items()) {
    if (!known.contains(key)) fail("{}: unknown key '{}' for {}", source, key, config.name);
  }
  return config;
}

}  // namespace ekgine
