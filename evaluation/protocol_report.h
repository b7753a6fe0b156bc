// What is told of a protocol's figures: a section of report.txt, and a key of metrics.json.
#pragma once

#include <string>

#include "base/json.h"
#include "evaluation/protocol_score.h"

namespace ekgine {

// A table of figures with their intervals, one of records, one of annotation symbols. In percent.
std::string protocol_text(const ProtocolScore& score);

// {"name", "labels": "NSVFQOX", "all": VIEW, "without_232": VIEW, …, "records": [{"record", …}],
//  "causes": {"N": {"class", "beats", "predicted": {"N", …, "none"}}}}
// VIEW: {"beats", "unlabelled", "accuracy", "accuracy_interval", "classes": {"N": {"sensitivity",
//        "sensitivity_interval", …}}, "sveb": {…}, "veb": {…}, "matrix"}; records the same without
// intervals. In percent; null where there is none.
Json protocol_json(const ProtocolScore& score);

}  // namespace ekgine
