#include "classification/model_facts.h"

#include <fmt/format.h>

#include <string>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"
#include "base/json_file.h"
#include "base/provenance.h"
#include "base/sha256.h"
#include "data/labels.h"
#include "evaluation/metrics.h"
#include "training/model_card.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

void add_figures(const fs::path& path, ModelFacts& facts) {
  const auto metrics = read_json(path, Sealed::required);
  check_metrics_json(metrics, class_names, path.string());
  for (std::size_t c = 0; c < class_names.size(); ++c) {
    const std::string name(class_names[c]);
    const Json& of = metrics.at("classes").at(name);
    ClassFigures& figures = facts.classes[c];
    figures.beats = of.at("support").get<std::int64_t>();
    // A class that never occurs, or that is never predicted, has 0 for what is not known.
    if (figures.beats > 0) figures.sensitivity = of.at("recall").get<double>();
    std::int64_t predicted = 0;
    for (const Json& row : metrics.at("confusion")) {
      predicted += row.at(c).get<std::int64_t>();
    }
    if (predicted > 0) figures.positive_predictivity = of.at("precision").get<double>();
    figures.sensitivity_interval = interval_in(metrics, name, "recall");
    figures.positive_predictivity_interval = interval_in(metrics, name, "precision");
  }
  facts.tested_on = fmt::format("{} beats of records that it was not trained on",
                                metrics.at("sequences").get<std::int64_t>());
}

// Whether the folder's card, where it has one, names other weights.
bool card_is_of_others(const fs::path& weights) {
  const fs::path card = weights.parent_path() / model_card_file;
  return fs::exists(card) && read_file(card).find(sha256_of_file(weights)) == std::string::npos;
}

}  // namespace

ModelFacts read_model_facts(const ModelWeights& weights, const fs::path& path) {
  ModelFacts facts{.name = path.filename().string(), .made = program_name()};
  facts.card = weights.config.name;
  if (!weights.label_map.empty()) facts.card += fmt::format(", label map {}", weights.label_map);
  if (!weights.made.tool.empty()) facts.card += fmt::format(", trained by {}", weights.made.tool);
  const fs::path metrics = path.parent_path() / "metrics.json";
  if (!fs::exists(metrics) || card_is_of_others(path)) return facts;
  try {
    add_figures(metrics, facts);
  } catch (const Error& error) {
    notice(fmt::format("{}; pages are without the weights' figures", error.what()));
  }
  return facts;
}

}  // namespace ekgine
