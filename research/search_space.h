// What a hyperparameter search may choose from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "training/options.h"

namespace ekgine {

// One option of training and its values: a list of choices, or a range.
struct SearchParameter {
  std::string name;           // "embed-dim", as on the command line
  std::vector<Json> choices;  // empty: a range
  bool integer = false;
  bool logarithmic = false;  // uniform in the logarithm
  double min = 0, max = 0;   // both included
  double step = 0;           // values are min + i·step; 0: continuous

  // The value at u in [0, 1): choices, steps and integers are equally likely. Continuous values are
  // rounded to six digits, stepped ones to twelve.
  Json value(double u) const;
  Json to_json() const;
};

class SearchSpace {
 public:
  // Parses TOML: a line per parameter,
  //
  //   embed-dim = [64, 128]                                choices
  //   num-heads = { min = 2, max = 8, step = 2 }           integers; step 1 if left out
  //   dropout = { min = 0.0, max = 0.5, step = 0.1 }       numbers; continuous if left out
  //   learning-rate = { min = 1e-5, max = 1e-2, scale = "log" }
  //
  // Options may have the names that they had before (base/option.h).
  //
  // Errors name `source`, the line and the parameter: no TOML; no option of training that can be
  // searched; an empty list or range; a value that the option cannot have.
  static SearchSpace parse(std::string_view text, const std::string& source);
  static SearchSpace read(const std::filesystem::path& path);

  // In the order of the names as they were written, older ones too: draws depend on it, and those
  // of an older study must stay.
  const std::vector<SearchParameter>& parameters() const { return parameters_; }

  // {"embed-dim": 64, …} for trial `trial`: a function of the arguments alone. `attempt` counts the
  // draws of one trial.
  Json draw(std::uint64_t seed, std::int64_t trial, std::int64_t attempt) const;

  Json to_json() const;

 private:
  std::vector<SearchParameter> parameters_;
};

// An object whose keys are options to search, as a study has stored it (a space, values of a
// trial): older names of options are today's.
Json in_todays_names(const Json& stored);

// `base` with these options in place of its own. Errors: values that TrainOptions::check() refuses.
TrainOptions with_values(const TrainOptions& base, const Json& values);

}  // namespace ekgine
