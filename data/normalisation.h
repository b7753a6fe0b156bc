// Mean and standard deviation of what models normalise: scalograms per time column, or features.
#pragma once

#include <functional>
#include <vector>

#include "data/dataset.h"

namespace ekgine {

// Of each column. The standard deviation is that of the population (divided by the number of
// values).
struct Normalisation {
  std::vector<double> mean, std;
};

// (beat_samples) of the scalograms, pooled over beats and scales: a column t gathers the moduli
// |c_s[t]| of all beats and all 32 scales, in the beats' unit. Of all beats of `dataset`, which is
// the training set: held-out records must not leak into what the model is given. The moments of
// every record (data/moments.h), the store's or else computed here, are merged in the order of the
// records: so the bits depend neither on the number of threads nor on where the beats and their
// moments are kept. `progress` is called with the beats done, one call at a time, from any thread.
// Errors: a column that is constant, whose standard deviation would be zero. Throws Interrupted on
// Ctrl-C.
Normalisation compute_normalisation(Dataset& dataset,
                                    const std::function<void(std::int64_t)>& progress = {});

// Of each column of the beats' rows over the first `records` of `dataset`, whose unit has features:
// (row_width). A column that is constant has a standard deviation of 1: those of a second lead that
// no record has. The beats of the records are added up in order, in double.
Normalisation feature_normalisation(Dataset& dataset, std::int64_t records);

}  // namespace ekgine
