// What a recording's page says of the weights that labelled it.
#pragma once

#include <filesystem>

#include "classification/record_page.h"
#include "model/weights.h"

namespace ekgine {

// Name, architecture and label map of weights that were read from `path`; and how well they do on
// test records, where a `metrics.json` lies beside them, as in the folder of a run, unless a
// model_card.md there is of other weights. One that cannot be read is left out, with a notice.
ModelFacts read_model_facts(const ModelWeights& weights, const std::filesystem::path& path);

}  // namespace ekgine
