// report.txt: one page on an evaluation, for a person.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "evaluation/metrics.h"

namespace ekgine {

// What was evaluated, in words for people; empty texts are left out of the report.
struct EvaluationFacts {
  std::string model;                            // "Main_Model, 937,445 parameters"
  std::string weights;                          // "runs/a/model.safetensors"
  std::string data;                             // "store (45 records, reference label map)"
  std::string normalisation;                    // where the statistics come from
  std::string trained;                          // what made the weights: tool, device and command
  std::string evaluated;                        // and what made the report
  std::vector<std::string> class_names;         // C of them, in label order
  std::vector<std::string> class_descriptions;  // none, or C: "normal and bundle branch block"
  std::vector<std::string> notes;               // anything else a reader must know
};

// Fails unless there are as many descriptions as names, or none.
void check_facts(const EvaluationFacts& facts);

struct RecordMetrics {
  std::string record;
  Metrics metrics;
};

// The whole report: what was evaluated; the headline figures, with their intervals where `all` has
// them, beside those of always predicting the most frequent class; figures per class; confusion
// matrix; figures per record; `sections`, which are whole lines; and notes: those that the numbers
// themselves call for (classes absent, never predicted or rare, a model no better than the
// baseline), then `notes`; facts.notes are not added. `all` covers every sequence of `records`.
// Errors: as check_facts().
std::string format_report(const EvaluationFacts& facts, const Metrics& all,
                          std::span<const RecordMetrics> records,
                          std::span<const std::string> notes, const std::string& sections = "");

}  // namespace ekgine
