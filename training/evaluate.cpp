#include "training/evaluate.h"

#include <fmt/format.h>

#include "base/console.h"
#include "base/error.h"
#include "data/labels.h"
#include "data/normalisation.h"

namespace ekgine {

void normalise_on(Model& model, Dataset& training, std::int64_t records) {
  model.config().check_beats(training.unit(), "normalisation");
  const Normalisation statistics = has_features(training.unit())
                                       ? feature_normalisation(training, records)
                                       : compute_normalisation(training);
  model.set_normalisation(statistics.mean, statistics.std);
}

void check_weights(const ModelWeights& weights, const std::string& source, const Store& store) {
  weights.config.check_beats(store.unit(),
                             fmt::format("{} on {}", source, store.folder().string()));
  const std::string& map = store.info().label_map;
  if (weights.label_map.empty()) {
    notice(fmt::format("{}: does not say with which label map it was trained; evaluated on {}",
                       source, map));
  } else if (label_map_name(weights.label_map) != map) {
    fail("{}: was trained with label map {}, the store {} has {}", source, weights.label_map,
         store.folder().string(), map);
  }
}

std::string provenance_text(const Provenance& made) {
  if (made.empty()) return "";
  return printable(fmt::format("{}, {}: {}", made.tool, made.device, made.command));
}

std::string data_text(const std::string& folder, std::string_view label_map, BeatUnit unit) {
  return fmt::format("{} ({} label map, amplitude {})", folder, label_map, beat_unit_name(unit));
}

EvaluationFacts describe_evaluation(const Model& model, const std::string& weights,
                                    const Provenance& trained, const std::string& data,
                                    const std::string& normalisation) {
  EvaluationFacts facts;
  facts.model =
      fmt::format("{}, {} parameters", model.config().name, model.parameters().trainable_count());
  facts.weights = weights;
  facts.data = data;
  facts.normalisation = normalisation;
  facts.trained = provenance_text(trained);
  facts.evaluated = provenance_text(made_on(model.device().description()));
  facts.class_names.assign(class_names.begin(), class_names.end());
  facts.class_descriptions.assign(class_descriptions.begin(), class_descriptions.end());
  return facts;
}

}  // namespace ekgine
