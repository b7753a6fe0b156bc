#include "training/options.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json_file.h"
#include "base/suggestion.h"

namespace ekgine {

using nlohmann::ordered_json;

namespace {

void check_range(const char* option, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    fail("--{} must be {} to {}, got {}", option, low, high, value);
  }
}

void check_one_of(const char* option, const std::string& value,
                  std::initializer_list<std::string_view> choices) {
  if (std::ranges::find(choices, value) == choices.end()) {
    const std::vector<std::string> names(choices.begin(), choices.end());
    fail("--{} must be one of {}, got '{}'{}", option, fmt::join(names, ", "), value,
         did_you_mean(value, names));
  }
}

// A basic string of TOML, whatever `text` holds.
std::string toml_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

// What files hold of an option: paths and units as texts.
std::string stored(const std::filesystem::path& path) {
  return path.string();
}
std::string stored(BeatUnit unit) {
  return beat_unit_name(unit);
}
template <class T>
const T& stored(const T& value) {
  return value;
}

template <class T>
using Stored = std::remove_cvref_t<decltype(stored(std::declval<const T&>()))>;

// Calls field(name, member) for every option; one list for both directions.
template <class Options, class Field>
void for_each_field(Options& o, const Field& field) {
  field("model", o.model.name);
  field("sequence-length", o.model.sequence_length);
  field("embed-dim", o.model.embed_dim);
  field("num-heads", o.model.num_heads);
  field("ff-dim-multiplier", o.model.ff_dim_multiplier);
  field("kernel-size", o.model.kernel_size);
  field("num-blocks", o.model.num_blocks);
  field("dropout", o.model.dropout);
  field("lstm-units", o.model.lstm_units);
  field("amplitude", o.model.beat_unit);
  field("data", o.data);
  field("train-records", o.train_records);
  field("validation-records", o.validation_records);
  field("test-records", o.test_records);
  field("epochs", o.epochs);
  field("batch-size", o.batch_size);
  field("learning-rate", o.learning_rate);
  field("schedule", o.schedule);
  field("weight-decay", o.weight_decay);
  field("class-weights", o.class_weights);
  field("amplitude-jitter", o.amplitude_jitter);
  field("monitor", o.monitor);
  field("patience", o.patience);
  field("shuffle", o.shuffle);
  field("run-length", o.run_length);
  field("encode-each", o.encode_each);
  field("allow-absent-classes", o.allow_absent_classes);
  field("device", o.device);
  field("precision", o.precision);
  field("seed", o.seed);
  field("threads", o.threads);
}

}  // namespace

std::string toml_value(const ordered_json& value) {
  return value.is_string() ? toml_string(value.get_ref<const std::string&>()) : json_text(value);
}

void TrainOptions::check() const {
  model.check();
  if (train_records.empty()) fail("no training records: give --train-records or --splits");
  check_range("epochs", static_cast<double>(epochs), 1, 1e6);
  check_range("batch-size", static_cast<double>(batch_size), 1, 1 << 16);
  check_range("learning-rate", learning_rate, 1e-12, 10);
  check_range("weight-decay", weight_decay, 0, 10);
  check_range("amplitude-jitter", amplitude_jitter, 0, 2);
  check_range("patience", static_cast<double>(patience), 1, 1e6);
  check_range("run-length", static_cast<double>(run_length), 1, 1 << 20);
  if (seed > std::numeric_limits<std::int64_t>::max()) {
    // TOML, which config.toml is, has no larger integers.
    fail("--seed must be 0 to {}, got {}", std::numeric_limits<std::int64_t>::max(), seed);
  }
  check_range("threads", static_cast<double>(threads), 1, 1024);
  check_one_of("schedule", schedule, {"cosine", "plateau", "constant"});
  check_one_of("class-weights", class_weights, {"none", "balanced", "sqrt"});
  check_one_of("device", device, {"auto", "cpu", "cuda"});
  check_one_of("precision", precision, {"f32", "tf32", "bf16"});
  check_one_of("monitor", monitor, {"loss", "accuracy", "macro_f1"});
  check_one_of("shuffle", shuffle, {"runs", "full", "stream"});
}

ordered_json TrainOptions::to_json() const {
  ordered_json json;
  for_each_field(*this,
                 [&]<class T>(const char* name, const T& value) { json[name] = stored(value); });
  if (!tensorboard.empty()) json["tensorboard"] = tensorboard.string();
  return json;
}

TrainOptions TrainOptions::from_json(const ordered_json& json, const std::string& source) {
  TrainOptions options;
  std::set<std::string> known = {"tensorboard"};
  const auto read = [&]<class T>(const char* name, T& value) {
    known.insert(name);
    std::optional<Stored<T>> found;
    if (json.is_object() && json.contains(name)) found = json_as<Stored<T>>(json.at(name));
    if (!found) fail("the option {} is missing or of another type", name);
    if constexpr (std::is_same_v<T, BeatUnit>) {
      value = beat_unit_from_name(*found);
    } else {
      value = std::move(*found);
    }
  };
  try {
    for_each_field(options, read);
    if (json.contains("tensorboard")) read("tensorboard", options.tensorboard);
    for (const auto& [name, value] : json.items()) {
      if (!known.contains(name)) fail("the option {} is not known", name);
    }
    options.check();
  } catch (const Error& error) {
    fail("{}: {}", source, error.what());
  }
  return options;
}

void TrainOptions::check_same(const ordered_json& started,
                              const std::filesystem::path& directory) const {
  const ordered_json mine = to_json();
  for (const auto& [name, value] : mine.items()) {
    if (name == "device" || name == "threads") continue;
    const ordered_json before = started.value(name, ordered_json());
    if (before != value) {
      fail("{}: was started with {} {}, not {}; give the same options or choose another --output",
           directory.string(), name, json_text(before), json_text(value));
    }
  }
}

std::string TrainOptions::to_toml() const {
  std::string text = "[train]\n";
  for_each_field(*this, [&]<class T>(const char* name, const T& value) {
    if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      if (!value.empty()) {
        text +=
            fmt::format("{} = {}\n", name, toml_string(fmt::format("{}", fmt::join(value, ","))));
      }
    } else if constexpr (std::is_same_v<Stored<T>, std::string>) {
      text += fmt::format("{} = {}\n", name, toml_string(stored(value)));
    } else {
      text += fmt::format("{} = {}\n", name, value);
    }
  });
  return text;
}

}  // namespace ekgine
