// A store that several processes make, each some of its records, until one puts it together.
//
// `STORE.parts` (base/record_parts.h) has for each record that is done a store of that record
// alone, `NAME%record`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/record_parts.h"

namespace ekgine {

// Of a record, as in RecordBeats.
struct LeftOut {
  std::int64_t unmeasured = 0, repeated = 0, missed = 0, extra = 0;
};

class StoreParts {
 public:
  // Of the store `store`; where that is a symbolic link, beside where it points.
  explicit StoreParts(const std::filesystem::path& store);

  const RecordParts& parts() const { return parts_; }
  // The store of a record, to be written and read.
  std::filesystem::path store_of(const std::string& record) const;

  // What was noted of the record, where it is done and made of `inputs`; else null. Errors: as
  // RecordParts::done().
  Json done(const std::string& record, const std::string& inputs) const;
  void set_done(const std::string& record, const std::string& inputs,
                const LeftOut& left_out) const;
  // Of what done() gave. Errors: it has not all counts.
  LeftOut left_out(const std::string& record, const Json& done) const;

  // Removes the parts of these records, which nobody makes or reads now.
  void remove(const std::vector<std::string>& records) const;

 private:
  RecordParts parts_;
};

// SHA-256 of a WFDB record's files (headers, signals, annotations) and of `options`, a text.
// Errors: those of headers; a file that cannot be read, or whose name leads out of its folder.
std::string record_inputs(const std::filesystem::path& database, const std::string& record,
                          const std::string& annotator, const std::string& options);

}  // namespace ekgine
