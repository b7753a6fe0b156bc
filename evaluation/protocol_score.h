// The figures of a published protocol on predictions of whole records (docs/scoring.md has the
// rules in words): per class, and of supraventricular (SVEB) and ventricular ectopic beats (VEB) as
// ANSI/AAMI EC57 counts them.
//
// All are gross: of the beats of all records together. Every beat counts: one that a model gives no
// label, as one of sequences does with the first beats of a record, is a missed one, so that models
// of all kinds are judged by the same beats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/beat.h"
#include "evaluation/beat_comparison.h"
#include "evaluation/bootstrap.h"

namespace ekgine {

// Beats of one annotation symbol.
struct ProtocolCause {
  char symbol = 0;
  std::int32_t label = 0;                  // its class, 0 … class_count − 1, by the protocol
  std::int32_t label_of_escapes_as_n = 0;  // where escape beats of the atria are of class N
  // How many were taken for each class; the last: how many got no label.
  std::array<std::int64_t, class_count + 1> predicted{};

  std::int64_t beats() const;
};

struct ProtocolRecord {
  std::string record;
  std::vector<ProtocolCause> causes;  // each symbol once
};

// What figures are given without, beside those of all records.
struct ProtocolExclusion {
  std::string record, reason;
};

// A figure has a group, "" or "N" … "Q" or "sveb", "veb", and a name there.
struct ProtocolFigure {
  const char *group, *key;
};

// accuracy          right of all beats
// of a class        sensitivity: right of those that are of it; positive_predictivity: right of
//                   those that are taken for it; f1: 2 TP / (2 TP + FP + FN), where some are of it
// sveb, veb         sensitivity, positive_predictivity, false_positive_rate by record_ratio() of
//                   evaluation/ec57_statistics.h
inline constexpr std::size_t protocol_figure_count = 1 + 3 * class_count + 2 * 3;
const std::array<ProtocolFigure, protocol_figure_count>& protocol_figures();

struct ProtocolFigures {
  BeatMatrix matrix;  // O of the test annotator: no label
  // In the order of protocol_figures(), in percent; none where not defined.
  std::array<std::optional<double>, protocol_figure_count> values;
  // Of 95 %, over records. None where fewer than two records define the figure, and where fewer
  // than half of the draws do.
  std::array<std::optional<Interval>, protocol_figure_count> intervals;

  std::int64_t beats() const { return matrix.sum(beat_classes, beat_labels); }
  std::int64_t unlabelled() const { return matrix.sum(beat_classes, "O"); }
  std::optional<double> value(const char* group, const char* key) const;  // of such a figure
};

// The figures of some of the records, or by other labels.
struct ProtocolView {
  std::string key;     // "all", "without_232", "escapes_as_n"
  std::string title;   // "all", "without 232", "e, j, n as N"
  std::string reason;  // why it is given; "" for all
  ProtocolFigures figures;
};

struct ProtocolScore {
  std::string protocol;  // its name
  std::vector<ProtocolView> views;
  std::vector<std::string> records;
  std::vector<ProtocolFigures> of_records;  // without intervals
  std::vector<ProtocolCause> causes;        // over all records, in the order of protocol_symbols
};

// The symbols of beats in the order in which they are told, class by class.
inline constexpr const char* protocol_symbols = "NLRBAaJSejnVErF/fQ?";

// Errors: no records; a record twice; a symbol that is none of these, or twice in a record; labels
// that are no classes; a symbol of which records disagree; an exclusion that is no record.
ProtocolScore score_protocol(const std::string& protocol, std::span<const ProtocolRecord> records,
                             std::span<const ProtocolExclusion> without);

}  // namespace ekgine
