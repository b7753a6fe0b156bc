#include "data/wfdb_formats.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/wfdb_writer.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;

constexpr int formats[] = {8, 16, 24, 32, 61, 80, 160, 212, 310, 311};

std::vector<std::int32_t> decode(int format, const std::vector<int>& bytes, std::size_t count) {
  const std::string text(bytes.begin(), bytes.end());
  std::vector<std::int32_t> samples(count);
  decode_wfdb_samples(format, text, samples);
  return samples;
}

TEST(WfdbFormats, DecodeTheBytesOfTheDescription) {
  EXPECT_THAT(decode(8, {0, 0x7F, 0x80, 0xFF}, 4), ElementsAre(0, 127, -128, -1));
  EXPECT_THAT(decode(16, {1, 2, 0xFF, 0xFF, 0, 0x80}, 3), ElementsAre(0x201, -1, -32768));
  EXPECT_THAT(decode(24, {1, 2, 3, 0xFE, 0xFF, 0xFF, 0, 0, 0x80}, 3),
              ElementsAre(0x30201, -2, -8388608));
  EXPECT_THAT(decode(32, {1, 2, 3, 4, 0xFD, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0x80}, 3),
              ElementsAre(0x4030201, -3, INT32_MIN));
  EXPECT_THAT(decode(61, {2, 1, 0xFF, 0xFE, 0x80, 0}, 3), ElementsAre(0x201, -2, -32768));
  EXPECT_THAT(decode(80, {0, 0x80, 0xFF}, 3), ElementsAre(-128, 0, 127));
  EXPECT_THAT(decode(160, {0, 0, 0, 0x80, 0xFF, 0xFF}, 3), ElementsAre(-32768, 0, 32767));
  // 0x1AB and 0xFED = -19 in 12 bits: low byte, high nibbles, low byte.
  EXPECT_THAT(decode(212, {0xAB, 0xF1, 0xED}, 2), ElementsAre(0x1AB, -19));
  EXPECT_THAT(decode(212, {0xAB, 0xF1}, 1), ElementsAre(0x1AB));
  EXPECT_THAT(decode(212, {0x00, 0x78, 0xFF}, 2), ElementsAre(-2048, 2047));
  // 0x1AB, 0x2CD = -307, 0x155 in 10 bits. 310: low seven bits, high three under the third's low
  // five; the same of the second, under the third's high five.
  EXPECT_THAT(decode(310, {0x2B << 1, 3 | 0x15 << 3, 0x4D << 1, 5 | 0xA << 3}, 3),
              ElementsAre(0x1AB, -307, 0x155));
  EXPECT_THAT(decode(310, {0x2B << 1, 3}, 1), ElementsAre(0x1AB));
  EXPECT_THAT(decode(310, {0, 4, 0xFE, 3}, 2), ElementsAre(-512, 511));
  // 311: from the lowest bit on; the highest two say nothing.
  const unsigned group = 0x1ABu | 0x2CDu << 10 | 0x155u << 20 | 3u << 30;
  const std::vector<int> bytes = {static_cast<int>(group & 255), static_cast<int>(group >> 8 & 255),
                                  static_cast<int>(group >> 16 & 255),
                                  static_cast<int>(group >> 24)};
  EXPECT_THAT(decode(311, bytes, 3), ElementsAre(0x1AB, -307, 0x155));
  EXPECT_THAT(decode(311, {bytes[0], bytes[1], bytes[2]}, 2), ElementsAre(0x1AB, -307));
  EXPECT_THAT(decode(311, {bytes[0], bytes[1]}, 1), ElementsAre(0x1AB));
}

TEST(WfdbFormats, CountBytesAndSamples) {
  for (const int format : formats) {
    for (std::int64_t count = 0; count < 20; ++count) {
      const std::int64_t bytes = wfdb_bytes(format, count);
      // As many as are needed, and no fewer.
      EXPECT_GE(wfdb_samples(format, bytes), count) << format;
      if (count > 0) {
        EXPECT_LT(wfdb_samples(format, bytes - 1), count) << format << ' ' << count;
      }
      EXPECT_GE(wfdb_padded_bytes(format, count), bytes) << format;
      EXPECT_LT(wfdb_padded_bytes(format, count), bytes + 3) << format;
      if (format == 8) continue;
      EXPECT_EQ(
          testing::encode_wfdb_samples(format, std::vector<int>(static_cast<std::size_t>(count)))
              .size(),
          static_cast<std::size_t>(bytes))
          << format << ' ' << count;
    }
  }
}

TEST(WfdbFormats, RefuseOthers) {
  for (const int format : formats) EXPECT_TRUE(is_wfdb_format(format));
  for (const int format : {-1, 0, 9, 81, 161, 213, 312, 508, 516, 524}) {
    EXPECT_FALSE(is_wfdb_format(format));
    EXPECT_ERROR(wfdb_bytes(format, 1), "is not supported");
    EXPECT_ERROR(decode(format, {0, 0, 0, 0}, 1), "is not supported");
  }
}

}  // namespace
}  // namespace ekgine
