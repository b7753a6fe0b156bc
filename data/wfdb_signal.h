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

// Reads one signal of a record, verified against its header: size of the file, initial value and
// checksum of every signal in that file. Errors name file and position: a missing or truncated
// file; a header whose sample count, formats, initial value or checksum disagree with it.
std::vector<std::int16_t> read_wfdb_signal(const WfdbHeader& header, std::size_t signal);

// The same in physical units: millivolts, (adc - baseline) / gain, in double. Errors: also an
// unmeasured sample, units that are no voltage.
std::vector<double> read_wfdb_millivolts(const WfdbHeader& header, std::size_t signal);

}  // namespace ekgine
