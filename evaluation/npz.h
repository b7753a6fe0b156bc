// Predictions for NumPy: raw_predictions.npz, as the reference's code writes and reads it.
//
// What numpy.savez_compressed makes: a zip of a .npy file per array, deflated:
//   y_true          (n) int32, 0 … C−1
//   y_pred_probs    (n, C) float32
//   y_pred_classes  (n) int64, the most probable class, the first of equals
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <filesystem>
#include <span>

#include "evaluation/predictions.h"

namespace ekgine {

// Writes the sequences of all records, one record after another; the whole file or nothing.
// Errors: as check_records(); the file cannot be written.
void write_npz(const std::filesystem::path& path, std::span<const RecordPredictions> records,
               std::size_t classes);

}  // namespace ekgine
