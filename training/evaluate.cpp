#include "training/evaluate.h"

#include <fmt/format.h>

#include "data/labels.h"
#include "data/normalisation.h"

namespace ekgine {

void normalise_on(Model& model, Dataset& training) {
  const Normalisation statistics = compute_normalisation(training);
  model.set_normalisation(statistics.mean, statistics.std);
}

EvaluationFacts describe_evaluation(const Model& model, const std::string& weights,
                                    const Store& store, const std::string& normalisation) {
  EvaluationFacts facts;
  facts.model =
      fmt::format("{}, {} parameters", model.config().name, model.parameters().trainable_count());
  facts.weights = weights;
  facts.data = fmt::format("{} ({} label map, amplitude {})", store.folder().string(),
                           store.info().label_map, model.config().amplitude);
  facts.normalisation = normalisation;
  facts.class_names.assign(class_names.begin(), class_names.end());
  facts.class_descriptions = {"normal or bundle branch block", "supraventricular ectopic",
                              "ventricular ectopic", "fusion of ventricular and normal",
                              "paced or unclassifiable"};
  return facts;
}

}  // namespace ekgine
