// Samples of WFDB records (`100.dat`), of the formats that data/wfdb_formats.h describes.
//
// Signals of one file share its frames: samples_per_frame samples of the first signal, those of the
// second, and so on. A signal has samples_per_frame times the record's frequency.
#pragma once

#include <cstdint>
#include <vector>

#include "data/wfdb_header.h"

namespace ekgine {

// The most samples of a lead that are read: 1 GB of floats, 24 hours at 2.9 kHz.
constexpr std::int64_t most_lead_samples = 250'000'000;
// And of those the most that may lie in gaps, which take memory without bytes behind them: 400 MB.
constexpr std::int64_t most_gap_samples = 100'000'000;

// Reads one signal of a record, verified against its header: the size of the file, before it is
// read, and where the header counts samples the checksum of every signal in the file. A file may be
// longer than the header says where checksums vouch for what is read of it. A skewed signal is
// shifted to where it belongs; its last samples, which the file lacks, are unmeasured
// (wfdb_unmeasured). Errors name file and position: a file outside the header's folder, missing,
// truncated, too long or no regular file; a format that is not supported, of a signal in that file;
// a FLAC file that is damaged, or of other channels or more bits than its format has; a header
// whose sample count, formats or checksum disagree with it.
std::vector<std::int32_t> read_wfdb_signal(const WfdbHeader& header, std::size_t signal);

// How many samples a signal has, by its header and its file's size; errors as above, as far as they
// show without reading it.
std::int64_t count_wfdb_samples(const WfdbHeader& header, std::size_t signal);

// Reads a signal in millivolts, (adc - baseline) / gain in double, rounded; NaN where not measured.
// Memory is that of the result: files are read in pieces. Errors: also units that are no voltage.
std::vector<float> read_wfdb_millivolts(const WfdbHeader& header, std::size_t signal);

}  // namespace ekgine
