// How far figures would move with other records: the bootstrap, by record.
//
// Sequences of one record are much alike, so it is records that are drawn: a resample has as many
// as there are, each drawn with the same chance and put back (Efron 1979; of whole clusters:
// Davison and Hinkley 1997, section 3.8). The interval of a figure is that between the 2.5 % and
// the 97.5 % percentile of its values over the resamples (Efron and Tibshirani 1993, section 13.3),
// interpolated as numpy.percentile does. Of few records it is rather too narrow: what none of them
// shows is in no resample.
//
// The draws depend on the number of records and on constants alone, and the work is done by the
// calling thread: the same input gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace ekgine {

struct Interval {
  double low = 0, high = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};

inline constexpr int bootstrap_resamples = 1000;
inline constexpr double bootstrap_confidence = 0.95;
inline constexpr std::uint64_t bootstrap_seed = 42;

// How often each record is in a resample; they add up to the number of records.
using Draws = std::span<const std::int32_t>;

// Writes the figures of a resample, NaN for those that it does not define: figures of counts that
// drawn_sum() adds up, or anything else that weights of records decide.
using Statistic = std::function<void(Draws draws, std::span<double> figures)>;

// The intervals of `figures` figures over so many records. None of a figure that fewer than half of
// the resamples define, nor any of fewer than two records.
std::vector<std::optional<Interval>> bootstrap(std::size_t records, std::size_t figures,
                                               const Statistic& statistic);

// The sum over records of their rows of counts, each as often as the record is drawn. `rows`:
// (records, n), row by row; the result: (n).
std::vector<std::int64_t> drawn_sum(Draws draws, std::span<const std::int64_t> rows);

}  // namespace ekgine
