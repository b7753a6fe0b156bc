// Comparisons as WFDB's programs print them, byte for byte: the report of `bxb` on one record, its
// lines of several records, the summary that `sumstats` makes of those.
//
// `sveb`: with supraventricular beats as a class of their own (bxb -C, -S and -L); without, they
// count as normal ones (-c, -s and -l).
#pragma once

#include <span>
#include <string>

#include "evaluation/ec57_statistics.h"

namespace ekgine {

// The names of the two annotators: "atr", "ekg".
struct Annotators {
  std::string reference, test;
};

enum class MatrixForm {
  whole,      // a row and a column for every label: bxb -s, -S
  condensed,  // N, F and Q of the test annotator are one, so are O and X: -c, -C
};

std::string beat_report(const Annotators& annotators, const RecordScore& score, MatrixForm form,
                        bool sveb);

// A heading, then a line per record: the first file of bxb -l and -L.
std::string beat_lines(std::span<const RecordScore> records, bool sveb);

// The same of beats missed in shutdowns: the second file.
std::string shutdown_lines(std::span<const RecordScore> records, bool sveb);

// beat_lines() with what sumstats adds: sums, gross and average figures.
std::string beat_summary(std::span<const RecordScore> records, bool sveb);

// shutdown_lines() with what sumstats adds. Without SVEBs there are gross percentages, too, which
// are twice those of sumstats: it counts the beats that there are, not those that were missed,
// double.
std::string shutdown_summary(std::span<const RecordScore> records, bool sveb);

// A line per pair of beats with different labels, "N(5032)/O(5032)", as bxb -v has them.
std::string disagreement_lines(const Comparison& comparison, bool sveb);

}  // namespace ekgine
