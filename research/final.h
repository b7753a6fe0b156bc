// The last step of a study: one model on all training records, tested once.
#pragma once

#include "base/json.h"
#include "research/study.h"

namespace ekgine {

// Trains on options.train_records, without validation, and tests on options.test_records, in the
// run directory options.output (see training/train.h). Returns the content of result.json, which is
// written last: `model`, `epochs`, `seconds` of training (of all processes), `metrics` (in the file
// also the SHA-256 of report.txt). Goes on where an earlier call stopped; what is complete is not
// tested again. Errors: no test records; those of train_or_resume(); files that are damaged; InUse.
Json run_final(const TrainOptions& options, const Say& say);

}  // namespace ekgine
