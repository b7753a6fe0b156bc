// Annotations of WFDB records (`100.atr`), MIT format.
//
// Described in annot(5) of the WFDB Applications Guide. A sequence of 16-bit little-endian words:
// six bits of annotation code, ten of time since the annotation before. Codes of their own give
// long times (SKIP), the num, sub and chan fields (NUM, SUB, CHN; num and chan hold until changed)
// and text (AUX). A word of zero ends the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ekgine {

struct WfdbAnnotation {
  std::int64_t sample = 0;  // position in the signal
  char symbol = ' ';        // "N", "V", "+" ...; ' ' for codes without one
  std::uint8_t code = 0;    // 0 to 49
  std::int8_t num = 0, sub = 0, chan = 0;
  std::string aux;

  bool operator==(const WfdbAnnotation&) const = default;
};

// Reads a whole annotation file, in file order. Errors name the file and the annotation or byte:
// missing, truncated (no end mark), an undefined code, a time before the start or the annotation
// before.
std::vector<WfdbAnnotation> read_wfdb_annotations(const std::filesystem::path& path);

// The symbol of an annotation code 0 to 49, ' ' where there is none.
char wfdb_symbol(int code);

}  // namespace ekgine
