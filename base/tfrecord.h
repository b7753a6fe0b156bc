// TFRecord files, TensorFlow's container of messages, and the encoding of protocol buffers, as far
// as they are written here.
//
// A record is the length of its data (64 bits), the masked CRC of these eight bytes (32), the data,
// and the masked CRC of the data (32), little-endian; a file is records without anything else.
// The CRC is CRC32C of RFC 3720, masked because a CRC of data that holds CRCs is weak.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ekgine {

// CRC-32 with Castagnoli's polynomial, reflected: of "123456789" it is 0xE3069283.
// `before`: that of what comes before `data`, to go on from.
std::uint32_t crc32c(std::string_view data, std::uint32_t before = 0);

// `data` as one record, ready to be appended to a file.
std::string tfrecord(std::string_view data);

// For records too large to be held as one: what stands before `size` bytes of data, and what stands
// after data whose CRC is `crc`.
std::string tfrecord_head(std::uint64_t size);
std::string tfrecord_tail(std::uint32_t crc);

// A message of protocol buffers, built field by field in the order of the calls.
// https://protobuf.dev/programming-guides/encoding/
class ProtobufMessage {
 public:
  ProtobufMessage& integer(int field, std::int64_t value);  // int32, int64, bool, enum
  ProtobufMessage& real(int field, float value);
  ProtobufMessage& real(int field, double value);
  ProtobufMessage& bytes(int field, std::string_view value);                   // string, bytes
  ProtobufMessage& integers(int field, std::span<const std::int64_t> values);  // repeated, packed
  // What stands before a value of `size` bytes, which is appended elsewhere.
  ProtobufMessage& head_of_bytes(int field, std::uint64_t size);
  ProtobufMessage& message(int field, const ProtobufMessage& value) {
    return bytes(field, value.encoded_);
  }
  const std::string& encoded() const { return encoded_; }

 private:
  void varint(std::uint64_t value);

  std::string encoded_;
};

}  // namespace ekgine
