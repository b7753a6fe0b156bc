// Figures of further stores, each by itself: how a model does on other databases, side by side.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "evaluation/metrics.h"

namespace ekgine {

struct StoreEvaluation {
  std::string store;                 // its folder
  std::vector<std::string> records;  // evaluated
  std::string left_out;              // which are not, and why: a text; empty where all are
  Metrics metrics;                   // over their sequences
};

// A section of a report: per store accuracy and macro F1, and a table of its classes, with
// intervals where the metrics have them. Empty without stores.
std::string store_text(std::span<const StoreEvaluation> stores);

// A list: {"store", "records", metrics_json()...}.
Json store_json(std::span<const StoreEvaluation> stores);

}  // namespace ekgine
