#include "base/tfrecord.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ekgine {
namespace {

using namespace std::string_literals;

// RFC 3720, B.4, and the check value that catalogues of CRCs give.
TEST(Crc32c, GivesTheStandardsExamples) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  std::string rising, falling;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  falling.assign(rising.rbegin(), rising.rend());
  EXPECT_EQ(crc32c(rising), 0x46DD794Eu);
  EXPECT_EQ(crc32c(falling), 0x113FDB5Cu);
}

// Eight bytes at a time give what one bit at a time does, for every length of the rest.
TEST(Crc32c, IsThatOfOneBitAtATime) {
  std::string data;
  for (int i = 0; i < 41; ++i) {
    std::uint32_t expected = 0xFFFFFFFF;
    for (const char c : data) {
      expected ^= static_cast<unsigned char>(c);
      for (int bit = 0; bit < 8; ++bit) {
        expected = expected >> 1 ^ ((expected & 1) != 0 ? 0x82F63B78 : 0);
      }
    }
    EXPECT_EQ(crc32c(data), ~expected) << data.size() << " bytes";
    for (std::size_t cut = 0; cut <= data.size(); ++cut) {
      EXPECT_EQ(crc32c(data.substr(cut), crc32c(data.substr(0, cut))), ~expected)
          << data.size() << " bytes in two pieces, the first of " << cut;
    }
    data += static_cast<char>(i * 37 + 11);
  }
}

// What the Python package tensorboard 2.21 makes of b"ekgine".
TEST(TfRecord, FramesData) {
  const std::string record = tfrecord("ekgine");
  EXPECT_EQ(record.size(), 8u + 4 + 6 + 4);
  EXPECT_EQ(record.substr(0, 8), "\x06\0\0\0\0\0\0\0"s);
  EXPECT_EQ(record.substr(8, 4), "\x73\x69\xd5\x37");
  EXPECT_EQ(record.substr(12, 6), "ekgine");
  EXPECT_EQ(record.substr(18), "\xb8\xa7\xfc\xdc");
  EXPECT_EQ(tfrecord("").size(), 16u);
  EXPECT_EQ(tfrecord_head(6) + "ekgine" + tfrecord_tail(crc32c("ekgine")), record);
}

// Examples of protobuf.dev/programming-guides/encoding.
TEST(ProtobufMessage, EncodesFields) {
  const ProtobufMessage inner = ProtobufMessage().integer(1, 150);
  EXPECT_EQ(inner.encoded(), "\x08\x96\x01");
  EXPECT_EQ(ProtobufMessage().bytes(2, "testing").encoded(), "\x12\x07testing");
  EXPECT_EQ(ProtobufMessage().message(3, inner).encoded(), "\x1a\x03\x08\x96\x01");
  const std::int64_t numbers[] = {3, 270, 86942};
  EXPECT_EQ(ProtobufMessage().integers(6, numbers).encoded(), "\x32\x06\x03\x8e\x02\x9e\xa7\x05");
  EXPECT_EQ(ProtobufMessage().head_of_bytes(2, 7).encoded() + "testing", "\x12\x07testing");
  EXPECT_EQ(ProtobufMessage().integer(1, 0).encoded(), "\x08\0"s);
  EXPECT_EQ(ProtobufMessage().integer(1, -2).encoded(),
            "\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  EXPECT_EQ(ProtobufMessage().integer(16, 127).encoded(), "\x80\x01\x7f");
  EXPECT_EQ(ProtobufMessage().real(2, 1.0F).encoded(), "\x15\0\0\x80\x3f"s);
  EXPECT_EQ(ProtobufMessage().real(1, -2.0).encoded(), "\x09\0\0\0\0\0\0\0\xc0"s);
  EXPECT_EQ(ProtobufMessage().bytes(1, std::string(300, 'x')).encoded(),
            "\x0a\xac\x02" + std::string(300, 'x'));
}

}  // namespace
}  // namespace ekgine
