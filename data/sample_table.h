// Recordings as tables: text, a line per sample, a column per lead.
//
//   # a comment
//   time (s),MLII (mV),V5 (uV)
//   0.000,-0.145,12
//   0.004,-0.140,
//
// Columns are separated by tabs, semicolons or commas, whichever the first line has, else by
// blanks; where they are not commas, a comma may stand for the decimal point. Text may be in
// quotes. The first line may name the columns, with units in brackets; a second line of texts has
// units, too. Lines that are empty or begin with "#" count nothing. Without units samples are
// millivolts. Empty fields, "nan", "na", "null" and "-" were not measured.
//
// A column called time, elapsed time, t, seconds or ms counts seconds, or what its unit says: s,
// ms, us, min. The rate follows from it. Where a step is longer than one and a half of the usual
// one, what lies between was not measured. A column called sample, sample #, index or #, or without
// a name where others have one, is left out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ekgine {

struct TableColumn {
  std::string name;  // in UTF-8; empty without a line of names
  std::string units = "mV";
  std::size_t place = 0;  // among all columns, from 0
};

struct SampleTable {
  std::filesystem::path path;
  char separator = ',';              // ' ': blanks
  std::int64_t first_line = 0;       // of samples, from 1
  double rate = 0;                   // Hz
  std::vector<TableColumn> columns;  // of samples
  std::size_t width = 0;             // all columns
  std::optional<std::size_t> time;   // the column of times, whose unit lasts `time_unit` seconds
  double time_unit = 1;
};

// Reads what the first lines say, and all times. `rate`: Hz; 0: the times say it. Errors: no such
// file; no line of samples; no column of samples; no times and no rate, or another rate than they
// have; times that do not ascend, or are not even: a tenth of the steps or more half as long again,
// or half as long, as the usual one; a line of more than a megabyte.
SampleTable read_sample_table(const std::filesystem::path& path, double rate);

// A column in millivolts, NaN where not measured. Errors, with the line: a field that is no number,
// another number of columns; units that are no voltage; more samples, or more in gaps, than can
// be read (most_lead_samples, most_gap_samples).
std::vector<float> read_table_millivolts(const SampleTable& table, std::size_t column);

}  // namespace ekgine
