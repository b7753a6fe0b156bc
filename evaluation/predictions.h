// predictions.h5: a model's probabilities for every sequence of every record evaluated.
//
// A group per record, named by record_file_name(), with
//   probabilities  (n, C) float32
//   labels         (n) int32, 0 … C−1
//   r_samples      (n) int64, the sample of the R peak of the sequence's last (labelled) beat
// and the root attributes `version`, 2, and `classes`, the class names joined by commas. The layout
// is the reference's with r_samples and the attributes added, so its files are read too. The file
// is sealed (base/seal.h); files without a version have no seal, and a notice says so.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace ekgine {

struct RecordPredictions {
  std::string record;
  std::vector<float> probabilities;     // (n, C)
  std::vector<std::int32_t> labels;     // (n)
  std::vector<std::int64_t> r_samples;  // (n); empty when read from a file without them
};

// Fails when a name is repeated or no name of a record, r_samples is neither n long nor empty or
// not 0 or more and ascending, or a record's probabilities and labels fail check_predictions(). The
// text begins with "record NAME: ".
void check_records(std::span<const RecordPredictions> records, std::size_t classes);

// Writes the whole file, atomically; r_samples are left out where they are empty.
// Errors: as check_records(); the file cannot be written.
void write_predictions(const std::filesystem::path& path,
                       std::span<const RecordPredictions> records,
                       std::span<const std::string> class_names);

// Reads such a file, records in name order. Errors: missing, not HDF5, damaged, another version, no
// records, datasets missing or of another shape, values that fail check_records(); each names the
// file.
std::vector<RecordPredictions> read_predictions(const std::filesystem::path& path,
                                                std::size_t classes);

}  // namespace ekgine
