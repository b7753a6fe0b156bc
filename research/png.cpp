#include "research/png.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace ekgine {

namespace {

void append_big_endian(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFFU);
}

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

std::uint32_t adler32(std::string_view bytes) {
  std::uint32_t a = 1, b = 0;
  for (const char c : bytes) {
    a = (a + static_cast<std::uint8_t>(c)) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

void append_chunk(std::string& out, std::string_view type, std::string_view content) {
  append_big_endian(out, static_cast<std::uint32_t>(content.size()));
  std::string body(type);
  body += content;
  out += body;
  append_big_endian(out, crc32(body));
}

// A zlib stream (RFC 1950) of stored blocks.
std::string stored(std::string_view bytes) {
  std::string out = "\x78\x01";
  constexpr std::size_t largest = 65535;
  for (std::size_t begin = 0; begin == 0 || begin < bytes.size(); begin += largest) {
    const std::string_view block = bytes.substr(begin, largest);
    const auto size = static_cast<std::uint32_t>(block.size());
    out += begin + largest >= bytes.size() ? '\1' : '\0';
    for (const std::uint32_t word : {size, ~size}) {
      out += static_cast<char>(word & 0xFFU);
      out += static_cast<char>(word >> 8 & 0xFFU);
    }
    out += block;
  }
  append_big_endian(out, adler32(bytes));
  return out;
}

}  // namespace

std::string encode_png(std::int64_t width, std::span<const std::uint8_t> pixels,
                       const std::array<Colour, 256>& palette) {
  if (width < 1 || pixels.empty() || std::ssize(pixels) % width != 0) {
    fail("png: {} pixels are no rows of {}", pixels.size(), width);
  }
  std::string out = "\x89PNG\r\n\x1a\n";
  std::string header;
  append_big_endian(header, static_cast<std::uint32_t>(width));
  append_big_endian(header, static_cast<std::uint32_t>(std::ssize(pixels) / width));
  header += std::string("\x08\x03\x00\x00\x00", 5);  // 8 bits, palette, nothing else
  append_chunk(out, "IHDR", header);
  std::string colours;
  for (const Colour& colour : palette) colours.append(colour.begin(), colour.end());
  append_chunk(out, "PLTE", colours);
  std::string rows;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    if (static_cast<std::int64_t>(i) % width == 0) rows += '\0';  // no filter
    rows += static_cast<char>(pixels[i]);
  }
  append_chunk(out, "IDAT", stored(rows));
  append_chunk(out, "IEND", "");
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      word = word << 8 | (k < n ? static_cast<std::uint8_t>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= n ? digits[word >> (18 - 6 * k) & 63U] : '=';
    }
  }
  return out;
}

const std::array<Colour, 256>& heat_palette() {
  static const std::array<Colour, 256> palette = [] {
    constexpr std::array<std::array<double, 3>, 6> anchors{{{8, 10, 40},
                                                            {61, 18, 107},
                                                            {137, 34, 106},
                                                            {209, 68, 70},
                                                            {246, 148, 38},
                                                            {252, 246, 180}}};
    std::array<Colour, 256> colours;
    for (std::size_t i = 0; i < colours.size(); ++i) {
      const double at = static_cast<double>(i) / 255 * (anchors.size() - 1);
      const auto left = std::min<std::size_t>(static_cast<std::size_t>(at), anchors.size() - 2);
      for (std::size_t c = 0; c < 3; ++c) {
        const double value =
            std::lerp(anchors[left][c], anchors[left + 1][c], at - static_cast<double>(left));
        colours[i][c] = static_cast<std::uint8_t>(std::lround(value));
      }
    }
    return colours;
  }();
  return palette;
}

}  // namespace ekgine
