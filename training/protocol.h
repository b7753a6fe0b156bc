// Predictions judged by a published protocol: beats and what models say of them, brought together.
#pragma once

#include <span>

#include "data/beats.h"
#include "data/labels.h"
#include "data/protocols.h"
#include "evaluation/predictions.h"
#include "evaluation/protocol_score.h"

namespace ekgine {

// The label map whose classes a protocol takes, whatever map beats were stored with.
const LabelMap& protocol_label_map(Protocol protocol);

// Gives the record's beats the labels of another map. Errors: a symbol that it does not have.
void relabel(RecordBeats& record, const LabelMap& map);

// The figures of a protocol, on its test records or, to choose by, on some that train.
// `predictions` are of the same records in the same order, of some of
// their beats or all: each belongs to the beat at its sample, and beats without one are without a
// label. What labels the predictions hold does not matter: those of the beats' symbols count.
// Errors: other records; predictions without samples, or of a sample at which no beat is; those of
// check_records() and score_protocol().
ProtocolScore judge_by(Protocol protocol, std::span<const RecordBeats> records,
                       std::span<const RecordPredictions> predictions);

}  // namespace ekgine
