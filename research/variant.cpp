#include "research/variant.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/option_error.h"
#include "base/suggestion.h"
#include "training/option_table.h"

namespace ekgine {

namespace {

template <class Option>
bool can_be_own(const TrainOptions& options, const Option& option) {
  if (option.in_search == InSearch::ignores || std::string_view(option.name) == "model") {
    return false;
  }
  if constexpr (requires { option.architectures; }) return options.model.has(option.name);
  return true;
}

std::vector<std::string> own_options(const TrainOptions& options) {
  std::vector<std::string> names;
  for_each_training_option(options, [&](const auto& option, const auto&) {
    if (can_be_own(options, option)) names.emplace_back(option.name);
  });
  return names;
}

// null, which no option takes, where it is no JSON.
Json json_of(const std::string& text) {
  try {
    return parse_json(text, "value");
  } catch (const Error&) {
    return nullptr;
  }
}

// The value that `text` is as TOML would have it, without quotes.
template <class T>
T option_from_text(const char* option, const std::string& text) {
  constexpr bool is_text = NamedChoice<T> || std::is_same_v<T, std::string>;
  const Json json = is_text ? Json(text) : json_of(text);
  std::optional<T> value = option_from_json<T>(option, json);
  if (!value) fail("{} cannot be '{}'", quantity(option), text);
  return std::move(*value);
}

void set_option(TrainOptions& options, const std::string& name, const std::string& text) {
  const std::vector<std::string> names = own_options(options);
  if (std::ranges::find(names, name) == names.end()) {
    fail("'{}' is no option that a {} can have for itself ({} are){}", name, options.model.name,
         fmt::join(names, ", "), did_you_mean(name, names));
  }
  for_each_training_option(options, [&]<class T>(const auto& option, T& value) {
    if (option.name == name) value = option_from_text<T>(option.name, text);
  });
}

// What stands between the separators.
std::vector<std::string> parts_of(const std::string& text, char separator) {
  std::vector<std::string> parts = {""};
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

Variant read(const TrainOptions& base, const std::string& text) {
  Variant variant{text, base, {}};
  const std::vector<std::string> parts = parts_of(text, ':');
  variant.options.model.name = parts.front();
  variant.options.model.check();
  for (const std::string& part : std::span(parts).subspan(1)) {
    const std::vector<std::string> sides = parts_of(part, '=');
    if (sides.size() != 2) fail("expected OPTION=VALUE, got '{}'", part);
    if (!variant.own.insert(sides[0]).second) fail("{} is set twice", sides[0]);
    set_option(variant.options, sides[0], sides[1]);
  }
  variant.options.check();
  return variant;
}

}  // namespace

Variant variant_of(const TrainOptions& base, const std::string& text) {
  try {
    return read(base, text);
  } catch (const Error& error) {
    fail_option({"models"}, "models: {}: {}", text, error.what());
  }
}

}  // namespace ekgine
