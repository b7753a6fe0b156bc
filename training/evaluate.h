// What training and the evaluate command share: input statistics, and facts for reports.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/store.h"
#include "evaluation/report.h"
#include "model/model.h"

namespace ekgine {

// Gives the model the statistics of the scalograms of `training`.
void normalise_on(Model& model, Dataset& training);

// Facts for the report: the model, its weights' file, the store, where the statistics come from.
EvaluationFacts describe_evaluation(const Model& model, const std::string& weights,
                                    const Store& store, const std::string& normalisation);

}  // namespace ekgine
