#include "data/wfdb_formats.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"

namespace ekgine {

namespace {

// Samples are stored in groups of a whole number of bytes.
struct Format {
  int number;
  int samples, bytes;  // of a group
  // Bytes that the first sample of a group takes, the first two, all three.
  std::array<int, 3> reach;
  int bits;  // of a sample
};

constexpr std::array<Format, 10> formats = {{
    {.number = 8, .samples = 1, .bytes = 1, .reach = {1}, .bits = 32},
    {.number = 16, .samples = 1, .bytes = 2, .reach = {2}, .bits = 16},
    {.number = 24, .samples = 1, .bytes = 3, .reach = {3}, .bits = 24},
    {.number = 32, .samples = 1, .bytes = 4, .reach = {4}, .bits = 32},
    {.number = 61, .samples = 1, .bytes = 2, .reach = {2}, .bits = 16},
    {.number = 80, .samples = 1, .bytes = 1, .reach = {1}, .bits = 8},
    {.number = 160, .samples = 1, .bytes = 2, .reach = {2}, .bits = 16},
    {.number = 212, .samples = 2, .bytes = 3, .reach = {2, 3}, .bits = 12},
    {.number = 310, .samples = 3, .bytes = 4, .reach = {2, 4, 4}, .bits = 10},
    {.number = 311, .samples = 3, .bytes = 4, .reach = {2, 3, 4}, .bits = 10},
}};

const Format& format_of(int number) {
  const auto* const found = std::ranges::find(formats, number, &Format::number);
  if (found == formats.end()) fail("signal format {} is not supported", number);
  return *found;
}

// The lowest `bits` of a value, two's complement.
template <int bits>
constexpr std::int32_t signed_value(std::uint32_t value) {
  return static_cast<std::int32_t>(value << (32 - bits)) >> (32 - bits);
}

using Bytes = const unsigned char*;

// Decodes `samples` one by one: `decode` has the bytes of one, `width` of them.
template <int width, class Decode>
void decode_each(Bytes b, std::span<std::int32_t> samples, Decode decode) {
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = decode(b + width * i);
}

void decode_212(Bytes b, std::span<std::int32_t> samples) {
  const std::size_t pairs = samples.size() / 2;
  for (std::size_t i = 0; i < pairs; ++i, b += 3) {
    samples[2 * i] = signed_value<12>(b[0] | (b[1] & 0x0Fu) << 8);
    samples[2 * i + 1] = signed_value<12>(b[2] | (b[1] & 0xF0u) << 4);
  }
  // An odd last sample takes two bytes.
  if (samples.size() % 2 != 0) samples.back() = signed_value<12>(b[0] | (b[1] & 0x0Fu) << 8);
}

// Formats of four bytes: `decode` has the bytes of a group, zero where they are not stored, and the
// sample's place in it.
template <class Decode>
void decode_triples(std::string_view bytes, std::span<std::int32_t> samples, Decode decode) {
  for (std::size_t i = 0; i < samples.size(); i += 3) {
    std::array<unsigned char, 4> group{};
    const std::size_t first = i / 3 * 4;
    for (std::size_t k = 0; k < group.size() && first + k < bytes.size(); ++k) {
      group[k] = static_cast<unsigned char>(bytes[first + k]);
    }
    for (std::size_t k = 0; k < std::min<std::size_t>(3, samples.size() - i); ++k) {
      samples[i + k] = decode(group.data(), k);
    }
  }
}

std::int32_t decode_310(Bytes b, std::size_t k) {
  const std::uint32_t value =
      k == 2 ? (b[1] >> 3u) | (b[3] >> 3u) << 5 : (b[2 * k] >> 1u) | (b[2 * k + 1] & 7u) << 7;
  return signed_value<10>(value);
}

std::int32_t decode_311(Bytes b, std::size_t k) {
  const std::uint32_t group = b[0] | static_cast<std::uint32_t>(b[1]) << 8 |
                              static_cast<std::uint32_t>(b[2]) << 16 |
                              static_cast<std::uint32_t>(b[3]) << 24;
  return signed_value<10>(group >> (10 * k));
}

std::uint32_t low_first(Bytes b, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) value |= static_cast<std::uint32_t>(b[i]) << (8 * i);
  return value;
}

}  // namespace

bool is_wfdb_format(int format) {
  return std::ranges::find(formats, format, &Format::number) != formats.end();
}

bool is_flac_format(int format) {
  return format == 508 || format == 516 || format == 524;
}

std::int64_t wfdb_bytes(int format, std::int64_t count) {
  const Format& f = format_of(format);
  const std::int64_t rest = count % f.samples;
  return count / f.samples * f.bytes +
         (rest == 0 ? 0 : f.reach[static_cast<std::size_t>(rest - 1)]);
}

std::int64_t wfdb_padded_bytes(int format, std::int64_t count) {
  const Format& f = format_of(format);
  return (count + f.samples - 1) / f.samples * f.bytes;
}

std::int64_t wfdb_samples(int format, std::int64_t bytes) {
  const Format& f = format_of(format);
  const std::int64_t rest = bytes % f.bytes;
  std::int64_t count = bytes / f.bytes * f.samples;
  for (int i = 0; i + 1 < f.samples; ++i) {
    if (f.reach[static_cast<std::size_t>(i)] <= rest) ++count;
  }
  return count;
}

std::int32_t wfdb_unmeasured(int format) {
  const int bits = is_flac_format(format) ? format - 500 : format_of(format).bits;
  return std::numeric_limits<std::int32_t>::min() >> (32 - bits);
}

void decode_wfdb_samples(int format, std::string_view bytes, std::span<std::int32_t> samples) {
  const auto* b = reinterpret_cast<Bytes>(bytes.data());
  switch (format) {
    case 8:
      return decode_each<1>(b, samples, [](Bytes p) { return signed_value<8>(p[0]); });
    case 16:
      return decode_each<2>(b, samples, [](Bytes p) { return signed_value<16>(low_first(p, 2)); });
    case 24:
      return decode_each<3>(b, samples, [](Bytes p) { return signed_value<24>(low_first(p, 3)); });
    case 32:
      return decode_each<4>(b, samples, [](Bytes p) { return signed_value<32>(low_first(p, 4)); });
    case 61:
      return decode_each<2>(b, samples,
                            [](Bytes p) { return signed_value<16>(p[1] | p[0] * 256u); });
    case 80:
      return decode_each<1>(b, samples, [](Bytes p) { return std::int32_t{p[0]} - 128; });
    case 160:
      return decode_each<2>(
          b, samples, [](Bytes p) { return static_cast<std::int32_t>(low_first(p, 2)) - 32768; });
    case 212:
      return decode_212(b, samples);
    case 310:
      return decode_triples(bytes, samples, decode_310);
    case 311:
      return decode_triples(bytes, samples, decode_311);
    default:
      fail("signal format {} is not supported", format);
  }
}

}  // namespace ekgine
