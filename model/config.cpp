#include "model/config.h"

#include <fmt/ranges.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/suggestion.h"
#include "model/json_text.h"

namespace ekgine {

namespace {

using nlohmann::json;

enum Architecture : unsigned {
  main_model = 1,
  attention_only = 2,
  cnn_lstm = 4,
  baseline = 8,
  with_attention = main_model | attention_only,
  any = with_attention | cnn_lstm | baseline,
};

constexpr std::pair<const char*, Architecture> architectures[] = {
    {"Main_Model", main_model},
    {"AttentionOnly", attention_only},
    {"CNNLSTM_Model", cnn_lstm},
    {"Baseline_Model", baseline},
};

// A bit of Architecture, or 0 for a name that is none.
unsigned architecture_of(const std::string& name) {
  for (const auto& [known, architecture] : architectures) {
    if (name == known) return architecture;
  }
  return 0;
}

struct IntegerField {
  const char* name;
  std::int64_t ModelConfig::*member;
  std::int64_t largest;  // the smallest is 1
  Architecture of;       // those that have it
};

// The bounds are far above any sensible model; they keep a damaged file from asking for terabytes.
constexpr IntegerField integer_fields[] = {
    {"sequence_length", &ModelConfig::sequence_length, 4096, any},
    {"embed_dim", &ModelConfig::embed_dim, 4096, any},
    {"num_heads", &ModelConfig::num_heads, 256, with_attention},
    {"ff_dim_multiplier", &ModelConfig::ff_dim_multiplier, 64, with_attention},
    {"kernel_size", &ModelConfig::kernel_size, 255, main_model},
    {"num_blocks", &ModelConfig::num_blocks, 64, with_attention},
    {"lstm_units", &ModelConfig::lstm_units, 1024, cnn_lstm},
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
  std::vector<std::string> names;
  for (const auto& [name, architecture] : architectures) names.emplace_back(name);
  return names;
}

void ModelConfig::check() const {
  const unsigned architecture = architecture_of(name);
  if (architecture == 0) {
    const std::vector<std::string> names = model_names();
    fail("model '{}' is unknown ({} are there){}", name, fmt::join(names, ", "),
         did_you_mean(name, names));
  }
  for (const IntegerField& field : integer_fields) {
    if ((field.of & architecture) == 0) continue;
    const std::int64_t value = this->*field.member;
    if (value < 1 || value > field.largest) {
      fail("{} must be 1 to {}, got {}", field.name, field.largest, value);
    }
  }
  // With an even kernel "same" padding is lopsided: a beat would see more of one side.
  if (architecture == main_model && kernel_size % 2 == 0) {
    fail("kernel_size must be odd, got {}", kernel_size);
  }
  if ((architecture & with_attention) != 0 && !(dropout >= 0 && dropout < 1)) {
    fail("dropout must be in [0, 1), got {}", dropout);
  }
}

void ModelConfig::check_beats(BeatUnit unit, std::string_view whose) const {
  if (unit == beat_unit) return;
  fail("{}: the beats' amplitude is {}, the model takes {}", whose, beat_unit_name(unit),
       beat_unit_name(beat_unit));
}

json ModelConfig::to_json() const {
  const unsigned architecture = architecture_of(name);
  json result = {{"name", name}};
  for (const IntegerField& field : integer_fields) {
    if ((field.of & architecture) != 0) result[field.name] = this->*field.member;
  }
  if ((architecture & with_attention) != 0) result["dropout"] = dropout;
  result["amplitude"] = beat_unit_name(beat_unit);
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
  const unsigned architecture = architecture_of(config.name);
  for (const IntegerField& field : integer_fields) {
    if ((field.of & architecture) == 0) continue;
    config.*field.member = integer(value_of(field.name), field.name, source);
  }
  if ((architecture & with_attention) != 0) {
    const json& dropout = value_of("dropout");
    if (!dropout.is_number()) fail("{}: dropout must be a number, got {}", source, brief(dropout));
    config.dropout = dropout.get<double>();
  }
  const auto amplitude = object.find("amplitude");
  if (amplitude != object.end() && !amplitude->is_string()) {
    fail("{}: amplitude must be a text, got {}", source, brief(*amplitude));
  }
  try {
    config.check();
    if (amplitude != object.end()) {
      config.beat_unit = beat_unit_from_name(amplitude->get_ref<const std::string&>());
    }
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
