// Recordings in EDF and BDF, the European Data Format and BioSemi's with 24 bits: one file, a
// header of text and then records of a fixed duration, each with so many samples of every signal,
// 16 bits or 24, low byte first.
//
// Described by Kemp and others, A simple format for exchange of digitized polygraphic recordings,
// Electroencephalogr Clin Neurophysiol 82:391-393, 1992, and by Kemp and Olivan, European data
// format plus (EDF+), Clin Neurophysiol 114:1755-1761, 2003. EDFlib, the reader that there is for
// C, knows no gaps.
//
// In EDF+ and BDF+ a signal called "EDF Annotations" or "BDF Annotations" has texts, of which the
// first in every record says when the record begins. Where the header says that the recording is
// discontinuous ("EDF+D", "BDF+D"), what lies between records was not measured.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ekgine {

struct EdfSignal {
  std::string label, units;  // in UTF-8
  double physical_minimum = 0, physical_maximum = 0;
  double digital_minimum = 0, digital_maximum = 0;
  std::int64_t samples = 0;  // in a record
  std::int64_t begin = 0;    // of its samples in a record, in bytes
  bool annotations = false;
};

struct EdfHeader {
  std::filesystem::path path;
  int sample_bytes = 2;      // 3 in BDF
  std::int64_t bytes = 0;    // of the header
  std::int64_t records = 0;  // as many as the file has
  double duration = 0;       // of a record, in seconds
  bool discontinuous = false;
  std::vector<EdfSignal> signals;

  std::int64_t record_bytes() const;
  double frequency(std::size_t signal) const;  // Hz
};

// Whether a file that begins with these eight bytes or more is EDF or BDF.
bool is_edf(std::string_view beginning);

// Reads the header and holds the file's size against it. Errors: no such file, truncated, longer
// than the header says; a field that is no number, or one that cannot be.
EdfHeader read_edf_header(const std::filesystem::path& path);

// The samples of a signal as they are stored, without gaps.
std::vector<std::int32_t> read_edf_samples(const EdfHeader& header, std::size_t signal);

// The samples of a signal in millivolts, with gaps, NaN where not measured. Errors: units that are
// no voltage; ranges of no width; records of a discontinuous recording that do not say when they
// begin, overlap, or lie further apart than can be read (most_gap_samples).
std::vector<float> read_edf_millivolts(const EdfHeader& header, std::size_t signal);

}  // namespace ekgine
