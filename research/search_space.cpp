#include "research/search_space.h"

#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json_file.h"
#include "base/suggestion.h"
#include "kernels/philox.h"
#include "training/option_table.h"

namespace ekgine {

namespace {

// Stream of random words that no op of a training step takes (kernels/philox.h).
constexpr std::uint32_t draw_op = 0x7E57A1U;

std::vector<std::string> searchable() {
  std::vector<std::string> names;
  for_each_training_option(TrainOptions(), [&](const auto& option, const auto&) {
    if (option.in_search == InSearch::varies) names.emplace_back(option.name);
  });
  return names;
}

// What an option that was called `name` is called now.
std::string todays_name(const std::string& name) {
  std::string found = name;
  for_each_training_option(TrainOptions(), [&](const auto& option, const auto&) {
    if (option.older != nullptr && name == option.older) found = option.name;
  });
  return found;
}

// Reads one parameter; what is wrong with it is told with its place.
class ParameterReader {
 public:
  ParameterReader(const std::string& source, std::string name, const toml::node& node)
      : source_(source), name_(std::move(name)), node_(node) {}

  SearchParameter read() const {
    const std::vector<std::string> names = searchable();
    if (std::ranges::find(names, name_) == names.end()) {
      refuse("is no option of training that can be searched ({} are){}", fmt::join(names, ", "),
             did_you_mean(name_, names));
    }
    if (const toml::array* list = node_.as_array()) return choices(*list);
    if (const toml::table* table = node_.as_table()) return range(*table);
    refuse("expected a list of choices, or a range such as {{ min = 1, max = 4 }}");
  }

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail("{}:{}: '{}': {}", source_, node_.source().begin.line, name_,
         fmt::format(text, std::forward<Args>(args)...));
  }

  // The option's own value, for its type.
  Json option() const { return TrainOptions().to_json().at(name_); }

  Json value(const toml::node& node) const {
    const Json own = option();
    if (own.is_string() && node.is_string()) return *node.value<std::string>();
    if (own.is_boolean() && node.is_boolean()) return *node.value<bool>();
    if (own.is_number_integer() && node.is_integer()) return *node.value<std::int64_t>();
    if (own.is_number_float() && node.is_number()) return *node.value<double>();
    refuse("expected values that are {}", own.is_string()           ? "texts"
                                          : own.is_boolean()        ? "true or false"
                                          : own.is_number_integer() ? "integers"
                                                                    : "numbers");
  }

  SearchParameter choices(const toml::array& list) const {
    if (list.empty()) refuse("the list of choices is empty");
    SearchParameter parameter;
    parameter.name = name_;
    for (const toml::node& node : list) {
      parameter.choices.push_back(value(node));
      if (std::ranges::count(parameter.choices, parameter.choices.back()) > 1) {
        refuse("{} is listed twice", json_text(parameter.choices.back()));
      }
    }
    return parameter;
  }

  SearchParameter range(const toml::table& table) const {
    const Json own = option();
    if (!own.is_number()) refuse("expected a list of choices: a range is for numbers");
    SearchParameter parameter;
    parameter.name = name_;
    parameter.integer = own.is_number_integer();
    parameter.step = parameter.integer ? 1 : 0;
    bool stepped = false, lower = false, upper = false;
    for (const auto& [key, node] : table) {
      if (key == "scale") {
        const auto scale = node.value<std::string>();
        if (scale != "linear" && scale != "log") refuse("scale must be \"linear\" or \"log\"");
        parameter.logarithmic = scale == "log";
        continue;
      }
      double* const field = key == "min"    ? &parameter.min
                            : key == "max"  ? &parameter.max
                            : key == "step" ? &parameter.step
                                            : nullptr;
      if (field == nullptr) refuse("'{}' is not known (min, max, step, scale are)", key.str());
      *field = value(node).get<double>();
      if (!std::isfinite(*field)) refuse("{} must be finite", key.str());
      stepped = stepped || key == "step";
      lower = lower || key == "min";
      upper = upper || key == "max";
    }
    if (!lower || !upper) refuse("a range needs min and max");
    if (parameter.min > parameter.max) {
      refuse("the range is empty: min {} is above max {}", parameter.min, parameter.max);
    }
    if (stepped && !(parameter.step > 0)) refuse("step must be above 0, got {}", parameter.step);
    if (parameter.logarithmic && stepped) refuse("a range on a log scale has no step");
    if (parameter.logarithmic && !(parameter.min > 0)) {
      refuse("a log scale needs min above 0, got {}", parameter.min);
    }
    return parameter;
  }

  const std::string& source_;
  std::string name_;
  const toml::node& node_;
};

double rounded(double value, int digits) {
  return std::stod(fmt::format("{:.{}g}", value, digits));
}

}  // namespace

Json SearchParameter::value(double u) const {
  if (!choices.empty()) {
    const auto n = static_cast<double>(choices.size());
    return choices[static_cast<std::size_t>(u * n)];
  }
  if (logarithmic) {
    const double v = std::exp(std::log(min) + u * (std::log(max) - std::log(min)));
    if (integer) return static_cast<std::int64_t>(std::clamp(std::round(v), min, max));
    return std::clamp(rounded(v, 6), min, max);
  }
  if (step == 0) return std::clamp(rounded(min + u * (max - min), 6), min, max);
  // A hair above: (0.5 − 0.1) / 0.1 is a little less than 4.
  const double steps = std::floor((max - min) / step + 1e-9) + 1;
  const double v = min + step * std::floor(u * steps);
  if (integer) return static_cast<std::int64_t>(std::llround(v));
  return rounded(v, 12);
}

Json SearchParameter::to_json() const {
  if (!choices.empty()) return {{"choices", choices}};
  return {{"min", min}, {"max", max}, {"step", step}, {"log", logarithmic}};
}

SearchSpace SearchSpace::parse(std::string_view text, const std::string& source) {
  toml::table document;
  try {
    document = toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    fail("{}:{}: {}", source, error.source().begin.line, error.description());
  }
  SearchSpace space;
  for (const auto& [key, node] : document) {
    const std::string name = todays_name(std::string(key.str()));
    if (std::ranges::count(space.parameters_, name, &SearchParameter::name) > 0) {
      fail("{}:{}: '{}' is there already, by its older name", source, node.source().begin.line,
           name);
    }
    space.parameters_.push_back(ParameterReader(source, name, node).read());
  }
  if (space.parameters_.empty()) fail("{}: names no parameters to search", source);
  return space;
}

SearchSpace SearchSpace::read(const std::filesystem::path& path) {
  return parse(read_file(path), path.string());
}

Json SearchSpace::draw(std::uint64_t seed, std::int64_t trial, std::int64_t attempt) const {
  Json values = Json::object();
  const RandomKey key{seed, static_cast<std::uint32_t>(trial), draw_op};
  auto word = static_cast<std::uint64_t>(attempt) * parameters_.size();
  for (const SearchParameter& parameter : parameters_) {
    values[parameter.name] = parameter.value(random_uniform(key, word++));
  }
  return values;
}

Json SearchSpace::to_json() const {
  Json json = Json::object();
  for (const SearchParameter& parameter : parameters_) json[parameter.name] = parameter.to_json();
  return json;
}

Json in_todays_names(const Json& stored) {
  Json json = Json::object();
  for (const auto& [name, value] : stored.items()) json[todays_name(name)] = value;
  return json;
}

TrainOptions with_values(const TrainOptions& base, const Json& values) {
  Json json = base.to_json();
  json.update(values);
  TrainOptions options =
      TrainOptions::from_json(json, "the search space holds " + json_text(values));
  options.output = base.output;
  return options;
}

}  // namespace ekgine
