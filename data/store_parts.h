// A store that several processes make, each some of its records, until one puts it together.
//
// `STORE.parts`, beside where the store will be, has for each record that is done a store of that
// record alone, `NAME%record`, and `NAME%part.json`, which says what it was made of and is written
// after it ("%" is in no name of a record's file). docs/formats.md lists its keys. Who takes one
// for done compares that first: a part of other samples, annotations or options is made anew.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/beats.h"
#include "data/store.h"

namespace ekgine {

// Of a record, as in RecordBeats.
struct LeftOut {
  std::int64_t unmeasured = 0, repeated = 0, missed = 0, extra = 0;
};

class StoreParts {
 public:
  // Of the store `store`; where that is a symbolic link, beside where it points.
  explicit StoreParts(const std::filesystem::path& store);

  const std::filesystem::path& folder() const { return folder_; }
  // The store of a record, to be written and read.
  std::filesystem::path store_of(const std::string& record) const;

  // What was left out of the record, where it is done and made of `inputs`. Errors: the description
  // is damaged, or no such file.
  std::optional<LeftOut> done(const std::string& record, const std::string& inputs) const;
  // The record is not done from here on, until set_done(). Its store is locked by the caller.
  void begin(const std::string& record) const;
  void set_done(const std::string& record, const std::string& inputs,
                const LeftOut& left_out) const;

  // Removes the parts of these records, which nobody makes or reads now.
  void remove(const std::vector<std::string>& records) const;

 private:
  std::filesystem::path description_of(const std::string& record) const;

  std::filesystem::path folder_;
};

// SHA-256 of a WFDB record's files (headers, signals, annotations) and of `options`, a text.
// Errors: those of headers; a file that cannot be read, or whose name leads out of its folder.
std::string record_inputs(const std::filesystem::path& database, const std::string& record,
                          const std::string& annotator, const std::string& options);

}  // namespace ekgine
