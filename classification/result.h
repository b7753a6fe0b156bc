// The files that `ekgine classify` writes of a recording, and whose they are.
//
//   NAME.ekg       annotations (classification/annotations.h); `ekg` is the annotator's name
//   NAME.ekg.csv   the table of beats
//   NAME.ekg.html  the page to read (classification/record_page.h)
//   NAME.ekg.json  the result: what was classified with what, counts, findings, and the SHA-256 of
//                  the other three; sealed (base/seal.h). docs/formats.md lists its keys.
//
// Annotations of others are never written over: a file is one of ours only if a result beside it
// has its checksum. So one that somebody has corrected by hand is theirs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "classification/findings.h"
#include "classification/labelled_recording.h"

namespace ekgine {

// What decides what comes out: equal ones give equal files.
struct ClassifyInputs {
  std::string tool;       // program_name()
  std::string weights;    // SHA-256 of their file
  std::string samples;    // samples_checksum()
  std::string precision;  // of the arithmetic: "f32"
  std::string lead;       // the one that was chosen; empty where the file does not say
  bool inverted = false;
  bool operator==(const ClassifyInputs&) const = default;
};

// SHA-256 of a lead's samples and frequency.
std::string samples_checksum(const std::vector<float>& signal, double frequency);

class ResultFiles {
 public:
  // `folder` / `name`, which may lead into folders below it: "p1/a".
  ResultFiles(const std::filesystem::path& folder, const std::string& name,
              const std::string& annotator);

  const std::filesystem::path& annotations() const { return annotations_; }
  const std::filesystem::path& table() const { return table_; }
  const std::filesystem::path& page() const { return page_; }
  const std::filesystem::path& result() const { return result_; }

  // Fails where one of the files is there and is not one of ours, or there is another file where
  // the result goes.
  void check_ours() const;

  // The result that is there, if it is of these inputs, and all files are as it says; else null.
  Json done(const ClassifyInputs& inputs) const;

  // Replaces what is there, which is ours, and returns the result. `page` is the recording's,
  // whole. Cut short at any moment, what is there is ours, and not done.
  Json write(const LabelledRecording& recording, const Findings& findings, const std::string& page,
             const ClassifyInputs& inputs) const;

 private:
  // The sealed object in result_, or null where there is no such file.
  Json read() const;

  std::filesystem::path annotations_, table_, page_, result_;
};

}  // namespace ekgine
