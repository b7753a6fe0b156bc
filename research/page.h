// The summary of a pipeline as one HTML file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "evaluation/predictions.h"

namespace ekgine {

// One model's column of the page.
struct PageModel {
  std::string name;  // what tells it from the others
  std::int64_t parameters = 0;
  Json final_result;  // result.json of research/final.h
  Json history;       // epochs of the final run
  Json kfold;         // metrics.json of research/kfold.h; null: none
  std::vector<Json> fold_histories;
  Json tuned;                                  // what the search chose, by option; null: no search
  std::vector<RecordPredictions> predictions;  // of the test records
};

// A beat to look at.
struct PageBeat {
  std::string record;
  std::int64_t r_sample = 0;
  double frequency = 0;  // Hz, of the record: what r_sample counts
  std::int32_t label = 0;
  std::string caption;                      // why it is shown
  std::vector<float> samples;               // (187) mV
  std::vector<float> scalogram;             // (32, 187)
  std::vector<std::vector<float>> answers;  // of each model, (class_count)
};

struct Page {
  std::string data;  // "mitdb, reference label map"
  std::string made;  // what trained the models: "ekgine 0.1.0, CPU, 2 threads: ekgine pipeline"
  std::vector<std::string> train_records, test_records;
  std::vector<PageModel> models;
  std::vector<PageBeat> beats;
};

// The whole page: figures side by side, confusion matrices, ROC and precision-recall curves per
// class, training curves, beats. Styles and pictures are inside: nothing is loaded, no script runs.
// Light or dark as the reader's system is; columns follow the width of the window.
std::string render_page(const Page& page);

}  // namespace ekgine
