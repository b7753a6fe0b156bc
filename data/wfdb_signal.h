// Samples of WFDB records (`100.dat`), signal formats 212, 16 and 80.
//
// Described in signal(5) of the WFDB Applications Guide. Samples of the signals in one file are
// interleaved: s0[0] s1[0] s0[1] s1[1] ...
//   16    two bytes per sample, little endian, two's complement
//   80    one byte per sample, offset binary: byte - 128
//   212   two samples in three bytes b0 b1 b2, 12-bit two's complement:
//         first = b0 + 256 (b1 mod 16), second = b2 + 256 (b1 div 16)
// The lowest value of a format (-32768, -128, -2048) marks a sample that was not measured: the NaN
// of WFDB.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "data/wfdb_header.h"

namespace ekgine {

// `count` samples, interleaved as stored. `bytes` holds exactly wfdb_bytes(format, count) or more.
std::vector<std::int16_t> decode_wfdb_samples(int format, std::string_view bytes,
                                              std::int64_t count);

// Bytes that `count` samples take.
std::int64_t wfdb_bytes(int format, std::int64_t count);

// Reads one signal of a record, verified against its header: the size of the file, before it is
// read, and where the header counts samples the checksum of every signal in the file. A skewed
// signal is shifted to where it belongs; its last samples, which the file lacks, are unmeasured.
// Errors name file and position: a file outside the header's folder, missing, truncated, too long
// or no regular file; a format or several samples per frame that are not supported, of a signal in
// that file; a header whose sample count, formats or checksum disagree with it.
std::vector<std::int16_t> read_wfdb_signal(const WfdbHeader& header, std::size_t signal);

// The same in physical units: millivolts, (adc - baseline) / gain, in double; NaN where not
// measured. Errors: also units that are no voltage.
std::vector<double> read_wfdb_millivolts(const WfdbHeader& header, std::size_t signal);

}  // namespace ekgine
