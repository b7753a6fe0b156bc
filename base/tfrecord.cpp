#include "base/tfrecord.h"

#include <array>
#include <bit>
#include <cstring>

namespace ekgine {

namespace {

static_assert(std::endian::native == std::endian::little, "records are written as they lie");

// tables[k][b]: the CRC of byte b followed by k zero bytes. Eight bytes are taken at a time
// (Kounavis and Berry, 2005).
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;
constexpr Tables tables = [] {
  constexpr std::uint32_t polynomial = 0x82F63B78;  // Castagnoli's, bits reversed
  Tables t{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? polynomial : 0);
    t[0][byte] = crc;
  }
  for (std::size_t k = 1; k < t.size(); ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      t[k][byte] = t[k - 1][byte] >> 8 ^ t[0][t[k - 1][byte] & 0xFF];
    }
  }
  return t;
}();

template <class T>
void append(std::string& text, T value) {
  std::array<char, sizeof value> raw{};
  std::memcpy(raw.data(), &value, sizeof value);
  text.append(raw.data(), raw.size());
}

std::uint32_t masked(std::uint32_t crc) {
  return std::rotr(crc, 15) + 0xA282EAD8U;
}

// What follows a field's number: the kind of its value.
constexpr std::uint64_t wire_varint = 0, wire_64_bits = 1, wire_bytes = 2, wire_32_bits = 5;

constexpr std::uint64_t key(int field, std::uint64_t wire) {
  return static_cast<std::uint64_t>(field) << 3 | wire;
}

}  // namespace

std::uint32_t crc32c(std::string_view data, std::uint32_t before) {
  std::uint32_t crc = ~before;
  for (; data.size() >= 8; data.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, data.data(), sizeof word);
    word ^= crc;
    crc = 0;
    for (std::size_t i = 0; i < 8; ++i) crc ^= tables[7 - i][word >> (8 * i) & 0xFF];
  }
  for (const char c : data) {
    crc = crc >> 8 ^ tables[0][(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  }
  return ~crc;
}

std::string tfrecord(std::string_view data) {
  std::string record;
  record.reserve(data.size() + 16);
  record += tfrecord_head(data.size());
  record += data;
  record += tfrecord_tail(crc32c(data));
  return record;
}

std::string tfrecord_head(std::uint64_t size) {
  std::string head;
  append(head, size);
  append(head, masked(crc32c(head)));
  return head;
}

std::string tfrecord_tail(std::uint32_t crc) {
  std::string tail;
  append(tail, masked(crc));
  return tail;
}

void ProtobufMessage::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) encoded_ += static_cast<char>((value & 0x7F) | 0x80);
  encoded_ += static_cast<char>(value);
}

ProtobufMessage& ProtobufMessage::integer(int field, std::int64_t value) {
  varint(key(field, wire_varint));
  varint(static_cast<std::uint64_t>(value));
  return *this;
}

ProtobufMessage& ProtobufMessage::real(int field, float value) {
  varint(key(field, wire_32_bits));
  append(encoded_, value);
  return *this;
}

ProtobufMessage& ProtobufMessage::real(int field, double value) {
  varint(key(field, wire_64_bits));
  append(encoded_, value);
  return *this;
}

ProtobufMessage& ProtobufMessage::bytes(int field, std::string_view value) {
  head_of_bytes(field, value.size());
  encoded_ += value;
  return *this;
}

ProtobufMessage& ProtobufMessage::integers(int field, std::span<const std::int64_t> values) {
  ProtobufMessage packed;
  for (const std::int64_t value : values) packed.varint(static_cast<std::uint64_t>(value));
  return bytes(field, packed.encoded_);
}

ProtobufMessage& ProtobufMessage::head_of_bytes(int field, std::uint64_t size) {
  varint(key(field, wire_bytes));
  varint(size);
  return *this;
}

}  // namespace ekgine
