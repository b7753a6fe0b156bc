// The figures of ANSI/AAMI EC57 on beat-by-beat comparisons: of a record as WFDB's bxb has them, of
// several, gross and average, as its sumstats has them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "evaluation/beat_comparison.h"
#include "evaluation/bootstrap.h"

namespace ekgine {

// A share, part / whole.
struct Ratio {
  std::int64_t part = 0, whole = 0;

  std::optional<double> percent() const;  // none where whole is 0
  bool operator==(const Ratio&) const = default;
};

// The mean of the percentages that are defined; none where none is.
std::optional<double> mean_percent(std::span<const Ratio> ratios);

// What is found of what is there (sensitivity), what is right of what is found (positive
// predictivity), what is taken for a VEB or SVEB of all else (false positive rate).
//
//   qrs    right: beats of both annotators, whatever their classes
//   veb    right: V of both. Fusion beats and Q of the reference that are called V are excused:
//          counted neither as right nor as wrong
//   sveb   right: S of both. Q of the reference that is called S is excused. Neither bxb nor
//          sumstats have the false positive rate: it is as that of VEBs
enum class Ec57Figure {
  qrs_sensitivity,
  qrs_predictivity,
  veb_sensitivity,
  veb_predictivity,
  veb_false_positives,
  sveb_sensitivity,
  sveb_predictivity,
  sveb_false_positives,
};

// The matrix of a comparison without SVEBs, where supraventricular beats are normal ones: S is
// empty.
BeatMatrix without_sveb(const BeatMatrix& matrix);

// A figure of a record.
Ratio record_ratio(Ec57Figure figure, const BeatMatrix& matrix);

// The same as sumstats takes it from a record's line: in the line F and Q are one, so of the
// figures of SVEBs not only Q called S is left out, but also F called S.
Ratio line_ratio(Ec57Figure figure, const BeatMatrix& matrix);

struct RecordScore {
  std::string record;
  Comparison comparison;
};

enum class Aggregate {
  gross,    // of all beats: from the sums of the counts, so that long records weigh more
  average,  // of the records: the mean of their percentages, where they are defined
};

// In percent, by line_ratio(); none where it is not defined.
std::optional<double> aggregate_percent(Aggregate aggregate, Ec57Figure figure,
                                        std::span<const RecordScore> records);

// Its interval over draws of the records.
std::optional<Interval> aggregate_interval(Aggregate aggregate, Ec57Figure figure,
                                           std::span<const RecordScore> records);

// The mean over records of the RR error in ms, each as a line prints it; none where none has one.
std::optional<double> average_rr_error(std::span<const RecordScore> records);

// Beats of these classes of the reference that were missed in shutdowns of the test annotator, of
// all there are.
Ratio missed_in_shutdown(std::string_view classes, const BeatMatrix& matrix);

}  // namespace ekgine
