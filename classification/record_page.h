// What was found in a recording, as one HTML file to read and to print.
//
// Styles and pictures are inside: nothing is loaded, no script runs. Light or dark as the reader's
// system is, light on paper, where strips are to scale (classification/strip.h). Its size depends
// little on the recording's: 24 h are about a megabyte.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "classification/findings.h"
#include "classification/labelled_recording.h"
#include "evaluation/bootstrap.h"

namespace ekgine {

// How well beats of a class were told in the records that a model was tested on.
struct ClassFigures {
  std::int64_t beats = 0;  // of the class there
  std::optional<double> sensitivity = {}, positive_predictivity = {};
  // Of 95 %.
  std::optional<Interval> sensitivity_interval = {}, positive_predictivity_interval = {};
};

// What labelled the beats. Texts may be empty, and are then not on the page.
struct ModelFacts {
  std::string name = {};  // "model.safetensors"
  std::string card = {};  // what it is: "CNN-Conformer, trained on 26 records of mitdb"
  std::string tested_on =
      {};  // what its figures are of: "22 records of mitdb that it did not train on"
  std::array<ClassFigures, class_count> classes = {};
  std::string made = {};  // what made the page: "ekgine 0.1.0: ekgine classify ..."
};

// `signal`: the recording's samples in mV, NaN where not measured, as many as it has. `findings`:
// the recording's.
std::string render_record_page(const LabelledRecording& recording, std::span<const float> signal,
                               const Findings& findings, const ModelFacts& model);

// Writes that page, atomically. Errors: those of base/atomic_file.h.
void write_record_page(const std::filesystem::path& path, const LabelledRecording& recording,
                       std::span<const float> signal, const Findings& findings,
                       const ModelFacts& model);

}  // namespace ekgine
