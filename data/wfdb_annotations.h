// Annotations of WFDB records (`100.atr`), MIT format.
//
// Described in annot(5) of the WFDB Applications Guide. A sequence of 16-bit little-endian words:
// six bits of annotation code, ten of time since the annotation before. Codes of their own give
// long times (SKIP), the num, sub and chan fields (NUM, SUB, CHN; num and chan hold until changed)
// and text (AUX). A word of zero ends the file.
//
// A file may begin by describing itself, in notes (code 22) at time 0:
//   ## time resolution: 250          times count ticks of 1/250 s; without it, samples
//   ## annotation type definitions   up to "## end of definitions" follow, a note each, codes of
//   1 v ventricular premature beat   annotations with the symbols and descriptions they have here
// Both are applied. Anything else that may be meant to change times or symbols is refused: other
// notes there that begin with "## ", definitions outside the two lines of a code that the file
// uses, and these notes where they stand after other annotations.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ekgine {

struct WfdbAnnotation {
  std::int64_t sample = 0;  // position in the signal
  char symbol = ' ';        // "N", "V", "+" ...; ' ' for codes without one, or with a longer one
  std::uint8_t code = 0;    // 0 to 49
  std::int8_t num = 0, sub = 0, chan = 0;
  std::string aux;

  bool operator==(const WfdbAnnotation&) const = default;
};

// Reads a whole annotation file, in file order, without the notes that describe it. `frequency`: of
// the samples, in Hz; times in ticks become the nearest sample, halves the later one, as in the
// WFDB library. Errors name the file and the annotation or byte: missing, truncated (no end mark),
// an undefined code, a time before the start or the annotation before, a description that cannot be
// applied, AHA format.
std::vector<WfdbAnnotation> read_wfdb_annotations(const std::filesystem::path& path,
                                                  double frequency);

// The bytes of an annotation file, as the WFDB library orders them (SUB, CHN, NUM, AUX), times over
// 1023 by SKIP. By `code`; symbols are not looked at. With a `frequency` the file says that its
// times are in ticks of it. Errors: annotations not in time order or before the start; a code that
// is not 1 to 49; text of more than 255 bytes.
std::string wfdb_annotation_bytes(std::span<const WfdbAnnotation> annotations,
                                  std::optional<double> frequency = {});

// The standard symbol of an annotation code 0 to 49, ' ' where there is none.
char wfdb_symbol(int code);

// The code that has this standard symbol. Errors: none has.
std::uint8_t wfdb_code(char symbol);

}  // namespace ekgine
