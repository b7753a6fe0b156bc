// One row per option of a struct, in a table of the room that owns the struct. The table is all
// that the command line, TOML, JSON, checks and searches know of an option; its default is the
// member's initialiser.
//
//   inline constexpr std::tuple training_options{
//       Option{"epochs", &TrainOptions::epochs, OptionGroup::training, InSearch::ignores,
//              "At most this many", Range{1, 1e6}},
//       ...};
//
// A member is an integer, a double, a bool, a text, an enum with names (base/choice.h), a path, or
// a list of record names, paths or doubles.
#pragma once

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/choice.h"
#include "base/json.h"
#include "base/json_file.h"
#include "base/option_error.h"
#include "base/suggestion.h"

namespace ekgine {

// Under which heading --help has it; `machine`: where to compute, which every subcommand takes and
// which makes no other run.
enum class OptionGroup { data, model, training, machine };

// What a search for hyperparameters does with it: may vary it; keeps it, and says so with what it
// found; or ignores it, since it tells what a run works on or how it is run, not how it learns.
enum class InSearch { varies, keeps, ignores };

// `low` to `high`, both included, or without `high`.
struct Range {
  double low = std::numeric_limits<double>::lowest();
  double high = std::numeric_limits<double>::max();
  bool below_high = false;
};

template <class Options, class T>
struct Option {
  const char* name;  // "batch-size": the key in TOML and JSON; with dashes before it, the flag
  T Options::*member;
  OptionGroup group;
  InSearch in_search;
  const char* help;
  Range range = {};             // of numbers
  const char* older = nullptr;  // what it was called before: still read, never written
};
template <class Options, class T, class... Rest>
Option(const char*, T Options::*, Rest...) -> Option<Options, T>;

// Calls visit(option, value) for every row of a table, in its order.
template <class Table, class Options, class Visit>
void for_each_option(const Table& table, Options& options, const Visit& visit) {
  std::apply([&](const auto&... option) { (visit(option, options.*option.member), ...); }, table);
}

template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;

// The name of an option as a text calls it: "batch size".
inline std::string quantity(std::string_view option) {
  std::string words(option);
  std::ranges::replace(words, '-', ' ');
  return words;
}

// Fails where `value` is none that the option can have, or holds such: "batch size must be 1 to
// 65536, got 0".
template <class Options, class T>
void check_option(const Option<Options, T>& option, const T& value) {
  if constexpr (std::is_same_v<T, std::vector<double>>) {
    const Option<Options, double> of_one{option.name,      nullptr,     option.group,
                                         option.in_search, option.help, option.range};
    for (const double number : value) check_option(of_one, number);
  } else if constexpr (std::is_same_v<T, std::vector<std::filesystem::path>>) {
    for (const auto& path : value) {
      if (path.empty())
        fail_option({option.name}, "{}: found an empty name", quantity(option.name));
    }
  } else if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, double>) {
    const auto [low, high, below_high] = option.range;
    const auto number = static_cast<double>(value);
    if (number >= low && (below_high ? number < high : number <= high)) return;
    const std::string expected =
        below_high ? fmt::format("in [{}, {})", low, high) : fmt::format("{} to {}", low, high);
    fail_option({option.name}, "{} must be {}, got {}", quantity(option.name), expected, value);
  } else if constexpr (std::is_unsigned_v<T> && !std::is_same_v<T, bool>) {
    constexpr auto high = std::numeric_limits<std::int64_t>::max();  // TOML has no larger integers
    if (std::in_range<std::int64_t>(value)) return;
    fail_option({option.name}, "{} must be 0 to {}, got {}", quantity(option.name), high, value);
  }
}

// The choice that `text` names. Errors: it names none.
template <NamedChoice E>
E choice_of_option(std::string_view option, const std::string& text) {
  if (const std::optional<E> value = choice_named<E>(text)) return *value;
  const std::vector<std::string> names = choice_names<E>();
  fail_option({std::string(option)}, "{} must be one of {}, got '{}'{}", quantity(option),
              fmt::join(names, ", "), text, did_you_mean(text, names));
}

template <class T>
Json option_to_json(const T& value) {
  if constexpr (NamedChoice<T>) {
    return choice_name(value);
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    return value.string();
  } else if constexpr (std::is_same_v<T, std::vector<std::filesystem::path>>) {
    Json list = Json::array();
    for (const auto& path : value) list.push_back(path.string());
    return list;
  } else {
    return value;
  }
}

// The inverse; nothing where the value is of another type. Errors: a choice that there is not.
template <class T>
std::optional<T> option_from_json(std::string_view option, const Json& json) {
  if constexpr (NamedChoice<T> || std::is_same_v<T, std::filesystem::path>) {
    const auto text = json_as<std::string>(json);
    if (!text) return std::nullopt;
    if constexpr (NamedChoice<T>) {
      return choice_of_option<T>(option, *text);
    } else {
      return T(*text);
    }
  } else if constexpr (std::is_same_v<T, std::vector<std::filesystem::path>>) {
    const auto texts = json_as<std::vector<std::string>>(json);
    if (!texts) return std::nullopt;
    return T(texts->begin(), texts->end());
  } else {
    return json_as<T>(json);
  }
}

}  // namespace ekgine
