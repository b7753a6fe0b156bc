#include "training/options.h"

#include <fmt/ranges.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json_file.h"
#include "training/option_table.h"

namespace ekgine {

namespace {

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

// As the command line has it, for those that have one text: records and stores.
std::string toml_list(const std::vector<std::string>& records) {
  return toml_string(fmt::format("{}", fmt::join(records, ",")));
}
std::string toml_list(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::string> texts;
  texts.reserve(paths.size());
  for (const auto& path : paths) texts.push_back(path.string());
  return toml_list(texts);
}
std::string toml_list(const std::vector<double>& numbers) {
  return fmt::format("[{}]", fmt::join(numbers, ", "));
}

}  // namespace

std::string toml_value(const Json& value) {
  return value.is_string() ? toml_string(value.text()) : json_text(value);
}

void TrainOptions::check() const {
  model.check();
  if (train_records.empty()) fail_option({"train-records", "splits"}, "no training records");
  for_each_option(training_options, *this,
                  [](const auto& option, const auto& value) { check_option(option, value); });
  if (!more_weights.empty() && more_weights.size() != more_data.size()) {
    fail_option({"more-weights"}, "more weights: {} for {} further stores, expected one for each",
                more_weights.size(), more_data.size());
  }
}

Json TrainOptions::to_json() const {
  Json json = Json::object();
  for_each_training_option(*this, [&](const auto& option, const auto& value) {
    json[option.name] = option_to_json(value);
  });
  if (!tensorboard.empty()) json["tensorboard"] = tensorboard.string();
  return json;
}

TrainOptions TrainOptions::from_json(const Json& json, const std::string& source) {
  TrainOptions options;
  std::set<std::string> known = {"tensorboard"};
  const auto read = [&]<class T>(const char* name, T& value, const char* older = nullptr) {
    if (older != nullptr && json.is_object() && json.contains(older)) name = older;
    known.insert(name);
    std::optional<T> stored;
    if (json.is_object() && json.contains(name)) stored = option_from_json<T>(name, json.at(name));
    if (!stored) fail("the option {} is missing or of another type", name);
    value = std::move(*stored);
  };
  try {
    for_each_training_option(
        options, [&](const auto& option, auto& value) { read(option.name, value, option.older); });
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

void TrainOptions::check_same(const Json& started, const std::filesystem::path& directory) const {
  Json mine = to_json();
  for_each_option(training_options, *this, [&](const auto& option, const auto&) {
    if (option.group == OptionGroup::machine) mine.erase(option.name);
  });
  for (const auto& [name, value] : mine.items()) {
    const Json* found = started.find(name);
    const Json before = found != nullptr ? *found : Json();
    if (before != value) {
      fail_option({"output"},
                  "{}: was started with {} {}, not {}; give the same options or choose another "
                  "folder",
                  directory.string(), name, json_text(before), json_text(value));
    }
  }
}

std::string TrainOptions::to_toml() const {
  std::string text = "[train]\n";
  for_each_training_option(*this, [&]<class T>(const auto& option, const T& value) {
    if constexpr (is_list<T>) {
      if (value.empty()) return;
      text += fmt::format("{} = {}\n", option.name, toml_list(value));
    } else if constexpr (std::is_arithmetic_v<T>) {
      text += fmt::format("{} = {}\n", option.name, value);
    } else {
      text += fmt::format("{} = {}\n", option.name, toml_value(option_to_json(value)));
    }
  });
  return text;
}

}  // namespace ekgine
