// How samples lie in the signal files of WFDB records: the formats of signal(5) of the WFDB
// Applications Guide. Bytes b0 b1 b2 ..., low byte
// first unless said otherwise, two's complement unless said otherwise:
//   8     one byte, the difference from the sample before it of the same signal
//   16    two bytes
//   24    three bytes
//   32    four bytes
//   61    two bytes, high byte first
//   80    one byte, offset binary: b0 - 128
//   160   two bytes, offset binary: b0 + 256 b1 - 32768
//   212   two samples of 12 bits in three bytes: b0 + 256 (b1 mod 16), b2 + 256 (b1 div 16)
//   310   three samples of 10 bits in four bytes: b0 div 2 + 128 (b1 mod 8),
//         b2 div 2 + 128 (b3 mod 8), b1 div 8 + 32 (b3 div 8)
//   311   three samples of 10 bits in four bytes, from the lowest bit of b0 on
// and those of FLAC (data/flac_file.h), 508, 516 and 524, of up to 8, 16 and 24 bits.
// The lowest value of a format marks a sample that was not measured: the NaN of WFDB. Format 8 has
// none.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace ekgine {

// Whether this is one of the formats above, but for FLAC's; whether it is one of FLAC's.
bool is_wfdb_format(int format);
bool is_flac_format(int format);

// Bytes that `count` samples take: the last ones of a group as many as they reach into.
std::int64_t wfdb_bytes(int format, std::int64_t count);

// The same with the last group whole, as some writers have it.
std::int64_t wfdb_padded_bytes(int format, std::int64_t count);

// How many samples `bytes` hold.
std::int64_t wfdb_samples(int format, std::int64_t bytes);

// The value that marks a sample as not measured, also of FLAC's formats; of format 8 the lowest of
// 32 bits, which its samples do not reach.
std::int32_t wfdb_unmeasured(int format);

// Fills `samples` from `bytes`, which begin at a group's first and are wfdb_bytes(format,
// samples.size()) or more. Of format 8 these are the differences.
void decode_wfdb_samples(int format, std::string_view bytes, std::span<std::int32_t> samples);

}  // namespace ekgine
