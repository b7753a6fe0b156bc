// An evaluation that several processes do, each some of its records, until one puts it together.
//
// `OUTPUT.parts` (base/record_parts.h) has for each record that is done `NAME%predictions.h5`, its
// predictions alone (evaluation/predictions.h), and in its note what an evaluation asks of its
// beats besides.
#pragma once

#include <filesystem>
#include <string>

#include "base/record_parts.h"
#include "data/beats.h"
#include "evaluation/predictions.h"

namespace ekgine {

class PredictionParts {
 public:
  // Of the folder of an evaluation.
  explicit PredictionParts(const std::filesystem::path& output);

  const RecordParts& parts() const { return parts_; }

  // What was noted of the record, where it is done and made of `inputs`; else null. Errors: as
  // RecordParts::done().
  Json done(const std::string& record, const std::string& inputs) const;
  // Of a record that is held. Cut short at any moment, it is not done, or whole.
  void write(const RecordBeats& beats, const RecordPredictions& predictions,
             const std::string& inputs) const;

  // The beats of a record of which done() gave `done`: labels, symbols, positions, and how many
  // were missed or extra; all else is empty. Errors: values that are none.
  RecordBeats beats(const std::string& record, const Json& done) const;
  RecordPredictions predictions(const std::string& record) const;

  void remove(const std::string& record) const;

 private:
  std::filesystem::path predictions_of(const std::string& record) const;

  RecordParts parts_;
};

}  // namespace ekgine
