// The pictures of an evaluation and of a training run, as SVG and PNG.
//
// Colours are Okabe and Ito's (2008), which people with any colour vision tell apart.
// draw_evaluation() and draw_history() return notes for the report, as draw_pictures() in
// evaluation/gnuplot.h does; the errors are its errors too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/metrics.h"

namespace ekgine {

// Draws confusion_matrix, roc and precision_recall. `metrics` is compute_metrics() of the same
// probabilities (n, C) and labels (n); `subtitle` says what was evaluated.
std::vector<std::string> draw_evaluation(const std::filesystem::path& directory,
                                         std::string_view subtitle, const Metrics& metrics,
                                         std::span<const float> probabilities,
                                         std::span<const std::int32_t> labels);

struct PngPicture {
  std::string png;   // a whole file; empty where it could not be drawn
  std::string note;  // why it could not
};

// The picture confusion_matrix alone, in memory.
PngPicture draw_confusion_matrix(std::string_view subtitle, const Metrics& metrics);

struct EpochValues {
  double train_loss = 0;
  std::optional<double> train_accuracy;
  // None where nothing was held out.
  std::optional<double> validation_loss, validation_accuracy, validation_macro_f1;
  double learning_rate = 0;
};

// Draws history: loss, accuracy and macro F1, and learning rate over the epochs, numbered from 1.
// `best_epoch` is the one whose weights were kept. Values that are not finite are left out.
std::vector<std::string> draw_history(const std::filesystem::path& directory,
                                      std::string_view subtitle,
                                      std::span<const EpochValues> epochs,
                                      std::optional<std::int64_t> best_epoch);

}  // namespace ekgine
