// Labels as they could be given while a recording goes on: each when some beats after it have been
// seen. Of models that label every beat, which are otherwise given the whole record.
//
// Beat i of a record of n is labelled from the part of it that ends with beat
//   e = min(i + lookahead, n − 1),
// of which the last T + `beats_before_window` beats are measured as a record of their own
// (data/seen_beats.h, which also says what still sees beyond beat e). The model is given the last T
// of them, or as many as there are, as a window of their own; the label is the one there at beat i,
// of an ensemble the mean over its members.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/beats.h"
#include "evaluation/predictions.h"
#include "training/predictor_pool.h"

namespace ekgine {

// Beats measured before the window of T. The widest windows of features reach 100 beats back; with
// 448, which makes 512 of T = 64, some 200 regular ones say what is typical, as all of a record's
// do in training. Fewer say it less well, more take longer and follow a patient's changes later.
constexpr std::int64_t beats_before_window = 448;

// Fails unless the model labels every beat and 0 ≤ lookahead < T.
void check_lookahead(const ModelConfig& config, std::int64_t lookahead);

// Gives the waves of a record's beats. Called by the thread that calls predict_causal().
using WavesOf = std::function<BeatWaves(const RecordBeats&)>;

// The predictions of whole records in the model's unit, in their order, of every beat; `progress`
// gets the number of beats labelled so far, of all records, from one thread at a time. A record at
// a time, on all threads; on the CPU the same bits at any number of them. Errors:
// check_lookahead(); the beats are not in the model's unit; those of SeenBeats. Throws Interrupted
// on Ctrl-C.
std::vector<RecordPredictions> predict_causal(PredictorPool& predictors,
                                              std::span<const RecordBeats> records,
                                              const WavesOf& waves_of, std::int64_t lookahead,
                                              const BeatsDone& progress = {});

}  // namespace ekgine
