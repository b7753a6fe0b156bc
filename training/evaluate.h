// What training and the evaluate command share: input statistics, and facts for reports.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/provenance.h"
#include "data/dataset.h"
#include "data/store.h"
#include "evaluation/report.h"
#include "model/model.h"
#include "model/weights.h"

namespace ekgine {

// Gives the model the statistics of the scalograms or features of `training`, of features those of
// the first `records` alone: pseudo-records come after. Errors: its beats are not in the model's
// unit.
void normalise_on(Model& model, Dataset& training, std::int64_t records);

// Fails where `weights`, of the file `source`, do not go with what the store gives: they were
// trained with another label map, so their classes are other ones, or take beats in another unit. A
// notice says where their label map is not known.
void check_weights(const ModelWeights& weights, const std::string& source, const Store& store);

// As one line of a report; "" where nothing is known.
std::string provenance_text(const Provenance& made);

// "store/mitdb (ec57 label map, amplitude deviation)": the folder of a store or a database.
std::string data_text(const std::string& folder, std::string_view label_map, BeatUnit unit);

// Facts for the report: the model, its weights' file and what made them, data_text(), where the
// statistics come from, and what evaluates: this process.
EvaluationFacts describe_evaluation(const Model& model, const std::string& weights,
                                    const Provenance& trained, const std::string& data,
                                    const std::string& normalisation);

}  // namespace ekgine
