// The intervals of an evaluation's figures (evaluation/bootstrap.h).
#pragma once

#include <optional>
#include <span>

#include "evaluation/metrics.h"
#include "evaluation/predictions.h"

namespace ekgine {

// Those of compute_metrics() over all `records`, which pass check_records(). None of one record.
//
// A figure of one class counts where a resample has the class (precision: where it is predicted),
// and has no interval unless two records do: drawn more or less often, one record alone always says
// the same. O(resamples · C · n).
std::optional<MetricIntervals> metric_intervals(std::span<const RecordPredictions> records,
                                                std::size_t classes);

}  // namespace ekgine
