// Which records train, validate and test a model.
//
// By record, never by beat: beats of one patient on both sides would tell the model what it is
// tested on. Splits that ekgine deals itself keep the records of one person together
// (data/folds.h); of those that are given to it, check_split() says where they do not.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ekgine {

struct Split {
  std::vector<std::string> train, validation, test;  // any may be empty

  bool operator==(const Split&) const = default;
};

// Reads a JSON file with `train_records`, `validation_records`, `test_records` (those it has), or
// in the reference's form, `kfold_records` (read as training records) and `final_test_records`.
// Errors name the file and key: no list of record names, unknown keys, a key given twice, a seal
// that does not hold, and what check_split finds.
Split read_split(const std::filesystem::path& path);

// Writes a split in the first form, sealed (base/seal.h).
void write_split(const std::filesystem::path& path, const Split& split);

// Fails when a record is in two lists, or twice in one. `where` opens the text: a file or option.
// Two records of one person in two lists are accepted, with a notice (data/subjects.h).
void check_split(const Split& split, const std::string& where);

// "228,207" → {"228", "207"}. Errors, which `where` opens: an empty name, one named twice.
std::vector<std::string> parse_records(std::string_view list, const std::string& where);

}  // namespace ekgine
