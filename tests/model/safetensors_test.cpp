#include "model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "base/atomic_file.h"
#include "base/seal.h"
#include "tests/cases/random.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using testing::FileSizeLimit;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::Random;
using testing::TemporaryDirectory;
using Extents = std::vector<std::int64_t>;

// Input of a test: not worth write_file's fsync.
void write_input(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string length_of(std::uint64_t header_bytes) {
  std::string text(8, '\0');
  std::memcpy(text.data(), &header_bytes, 8);
  return text;
}

std::string file_of(const std::string& header, const std::string& data) {
  return length_of(header.size()) + header + data;
}

// NaNs compare by their bits too.
std::vector<std::uint32_t> bits(const std::vector<float>& values) {
  std::vector<std::uint32_t> words;
  for (const float value : values) words.push_back(std::bit_cast<std::uint32_t>(value));
  return words;
}

// Written by safetensors 0.8.0 of Python (serialize), byte for byte.
std::string python_file() {
  const std::string header =
      R"({"__metadata__":{"note":"ü \"quoted\"","format":"test"},)"
      R"("double":{"dtype":"F64","shape":[3],"data_offsets":[0,24]},)"
      R"("empty":{"dtype":"F32","shape":[0,3],"data_offsets":[24,24]},)"
      R"("scalar":{"dtype":"F32","shape":[],"data_offsets":[24,28]},)"
      R"("single":{"dtype":"F32","shape":[2,3],"data_offsets":[28,52]},)"
      R"("brain":{"dtype":"BF16","shape":[4],"data_offsets":[52,60]},)"
      R"("half":{"dtype":"F16","shape":[2,5],"data_offsets":[60,80]}}      )";
  constexpr std::array<unsigned char, 80> data = {
      0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xd5, 0x3f, 0x59, 0xf3, 0xf8, 0xc2, 0x1f, 0x6e,
      0xa5, 0x81, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xb0, 0x43, 0x00, 0x00, 0xe0, 0x40,
      0xcd, 0xcc, 0xcc, 0x3d, 0x00, 0x00, 0x00, 0x80, 0x00, 0x00, 0x80, 0x7f, 0x01, 0x00,
      0x00, 0x00, 0xff, 0xff, 0x7f, 0xff, 0x00, 0x00, 0xc0, 0x7f, 0x80, 0x3f, 0x49, 0xc0,
      0x01, 0x00, 0x80, 0x7f, 0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0xff, 0x83, 0x00, 0x04,
      0x00, 0x3c, 0xff, 0x7b, 0x00, 0x7c, 0x00, 0xfc, 0x55, 0x35};
  return file_of(header, std::string(data.begin(), data.end()));
}

TEST(Safetensors, ReadsAFileOfPython) {
  const TemporaryDirectory folder;
  write_file(folder / "a.safetensors", python_file());
  const auto [arrays, metadata, sealed] = read_safetensors(folder / "a.safetensors");
  EXPECT_FALSE(sealed);
  EXPECT_THAT(metadata, ElementsAre(Pair("format", "test"), Pair("note", "ü \"quoted\"")));
  ASSERT_EQ(arrays.size(), 6u);

  EXPECT_EQ(arrays.at("single").shape, (Extents{2, 3}));
  EXPECT_THAT(bits(arrays.at("single").values),
              ElementsAre(0x3dcccccd, 0x80000000, 0x7f800000, 1, 0xff7fffff, 0x7fc00000));
  EXPECT_EQ(arrays.at("double").shape, (Extents{3}));
  EXPECT_EQ(bits(arrays.at("double").values), bits({1.0f / 3, -0.0f, 0x1p60f}));
  EXPECT_EQ(arrays.at("half").shape, (Extents{2, 5}));
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(bits(arrays.at("half").values),
            bits({0.0f, -0.0f, 0x1p-24f, -1023 * 0x1p-24f, 0x1p-14f, 1.0f, 65504.0f, infinity,
                  -infinity, 0.333251953125f}));
  EXPECT_EQ(bits(arrays.at("brain").values), bits({1.0f, -3.140625f, 0x1p-133f, infinity}));
  EXPECT_EQ(arrays.at("scalar").shape, Extents{});
  EXPECT_THAT(arrays.at("scalar").values, ElementsAre(7));
  EXPECT_EQ(arrays.at("empty").shape, (Extents{0, 3}));
  EXPECT_THAT(arrays.at("empty").values, IsEmpty());
}

TEST(Safetensors, WidensEveryHalfExactly) {
  const TemporaryDirectory folder;
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
  std::string data(131072, '\0');
  std::memcpy(data.data(), halves.data(), data.size());
  write_file(folder / "a",
             file_of(R"({"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}})", data));
  const std::vector<float> values = read_safetensors(folder / "a").arrays.at("h").values;
  for (int i = 0; i < 65536; ++i) {
    const int exponent = i >> 10 & 31, fraction = i & 1023;
    const float value = values[static_cast<std::size_t>(i)];
    ASSERT_EQ(std::signbit(value), i >= 32768) << i;
    if (exponent == 31 && fraction != 0) {
      ASSERT_TRUE(std::isnan(value)) << i;
      continue;
    }
    const double magnitude = exponent == 31  ? std::numeric_limits<double>::infinity()
                             : exponent == 0 ? std::ldexp(fraction, -24)
                                             : std::ldexp(1024 + fraction, exponent - 25);
    ASSERT_EQ(std::abs(static_cast<double>(value)), magnitude) << i;
  }
}

StateDict random_state(std::uint64_t seed) {
  Random random(seed);
  StateDict state;
  for (const Extents& shape : {Extents{}, Extents{1}, Extents{3, 3, 1, 32}, Extents{31, 33},
                               Extents{0, 7}, Extents{2, 1, 1, 1, 1, 5}}) {
    std::size_t count = 1;
    for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
    NamedArray array{shape, std::vector<float>(count)};
    // Any bits at all: infinities, subnormals and NaNs with a payload among them.
    for (float& value : array.values) value = std::bit_cast<float>(random.word());
    state[fmt::format("array{}.weight", state.size())] = std::move(array);
  }
  return state;
}

TEST(Safetensors, SurvivesAFileBitForBit) {
  const TemporaryDirectory folder;
  const StateDict state = random_state(1);
  const Metadata metadata = {{"", "empty key"}, {"a\n\"b\"", "ü\\ \x01 \xf0\x9f\x92\x93"}};
  write_safetensors(folder / "a", state, metadata);
  const WeightsFile read = read_safetensors(folder / "a");
  EXPECT_TRUE(read.sealed);
  EXPECT_EQ(read.metadata, metadata);
  ASSERT_EQ(read.arrays.size(), state.size());
  for (const auto& [name, array] : state) {
    EXPECT_EQ(read.arrays.at(name).shape, array.shape) << name;
    EXPECT_EQ(bits(read.arrays.at(name).values), bits(array.values)) << name;
  }
}

// What Python's safetensors reads as {"a.b": [[1, 2]], "z": 3.0}: sorted, contiguous, aligned.
TEST(Safetensors, WritesExactlyThis) {
  const TemporaryDirectory folder;
  const std::array<float, 2> pair = {1, 2};
  const std::array<float, 1> single = {3};
  const std::array<std::int64_t, 2> shape = {1, 2};
  const std::array<ArrayView, 2> views = {ArrayView{"z", {}, single},
                                          ArrayView{"a.b", shape, pair}};
  write_safetensors(folder / "a", views, {{"k", "val"}});
  const std::string start = R"({"__metadata__":{"sha256":")";
  const std::string header =
      start + std::string(blank_seal) +
      R"(","k":"val"},"a.b":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
      R"("z":{"dtype":"F32","shape":[],"data_offsets":[8,12]}})";
  const std::string data("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40", 12);
  ASSERT_EQ(header.size() % 8, 6u);
  std::string expected = file_of(header + "  ", data);
  set_seal(expected, 8 + start.size());
  EXPECT_EQ(read_file(folder / "a"), expected);
}

TEST(Safetensors, NothingAtAllIsAFileToo) {
  const TemporaryDirectory folder;
  write_safetensors(folder / "a", StateDict{}, {});
  EXPECT_THAT(read_safetensors(folder / "a").arrays, IsEmpty());
}

TEST(Safetensors, ReadsDataInAnyOrder) {
  const TemporaryDirectory folder;
  write_file(folder / "a", file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},)"
                                   R"("b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                                   std::string("\0\0\x80\x3f\0\0\0\x40", 8)));
  const StateDict arrays = read_safetensors(folder / "a").arrays;
  EXPECT_THAT(arrays.at("a").values, ElementsAre(2));
  EXPECT_THAT(arrays.at("b").values, ElementsAre(1));
}

TEST(Safetensors, RefusesWhatItCannotWrite) {
  const TemporaryDirectory folder;
  const std::string path = folder / "a";
  write_file(path, "old");
  const std::array<float, 2> values = {1, 2};
  const std::array<std::int64_t, 1> two = {2}, three = {3}, negative = {-2};
  const auto write = [&](std::vector<ArrayView> arrays, const Metadata& metadata = {}) {
    write_safetensors(path, arrays, metadata);
  };
  EXPECT_ERROR(write({{"a", two, values}, {"a", two, values}}),
               path + ": cannot write: two arrays are called 'a'");
  EXPECT_ERROR(write({{"__metadata__", two, values}}),
               path + ": cannot write: '__metadata__' is not a name for an array");
  EXPECT_ERROR(write({{"a", three, values}}),
               path + ": cannot write: 2 values do not fill 'a' of shape (3)");
  EXPECT_ERROR(write({{"a", {}, values}}),
               path + ": cannot write: 2 values do not fill 'a' of shape ()");
  EXPECT_ERROR(write({{"a", negative, values}}),
               path + ": cannot write: 2 values do not fill 'a' of shape (-2)");
  EXPECT_ERROR(write({{"\xff", two, values}}),
               path + ": cannot write: a name or the metadata is not UTF-8");
  EXPECT_ERROR(write({}, {{"sha256", "mine"}}),
               path + ": cannot write: the metadata has a key 'sha256'");
  EXPECT_ERROR(write({}, {{"k", "\xc3"}}),
               path + ": cannot write: a name or the metadata is not UTF-8");
  {
    const FileSizeLimit disk_is_full(4096);
    EXPECT_ERROR(write_safetensors(path, random_state(2), {}), path + ": cannot write: ");
  }
  EXPECT_EQ(read_file(path), "old");
}

struct Malformed {
  std::string content;
  std::string expected;
};

// One array "a" with the given properties, then `data` zero bytes.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets,
                std::size_t data) {
  return file_of(
      R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}",
      std::string(data, '\0'));
}

// Two arrays of one element each.
std::string two(const std::string& first, const std::string& second, std::size_t data) {
  return file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)" + first +
                     R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)" + second + "}}",
                 std::string(data, '\0'));
}

TEST(Safetensors, RefusesMalformedFiles) {
  const TemporaryDirectory folder;
  const std::string path = folder / "bad.safetensors";
  const std::vector<Malformed> cases = {
      {"", ": not a safetensors file: it has 0 bytes, expected at least 8"},
      {"1234567", ": not a safetensors file: it has 7 bytes, expected at least 8"},
      {length_of(3) + "{}",
       ": not a safetensors file, or truncated: the header should have 3 bytes, 2 are there"},
      {length_of(~std::uint64_t{0}) + "{}",
       ": not a safetensors file, or truncated: the header should have 18446744073709551615 bytes"},
      // A length that overflows when eight is added.
      {length_of(~std::uint64_t{0} - 7) + "{}", ": not a safetensors file, or truncated"},
      {file_of("", ""), ": the header: not JSON: "},
      {file_of("{\"a\":", ""), ": the header: not JSON: it ends too early, after 5 bytes"},
      {file_of("{} {}", ""), ": the header: not JSON: "},
      {file_of("{\"\xff\":1}", ""), ": the header: not JSON: "},
      {file_of("[]", ""), ": the header is not a JSON object"},
      {file_of("7", ""), ": the header is not a JSON object"},
      {file_of(R"({"a":1,"a":2})", ""), ": the header: 'a' is given twice"},
      {file_of(R"({"a":{"dtype":"F32","dtype":"F64"}})", ""),
       ": the header: 'dtype' is given twice"},
      {file_of("{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}", ""),
       ": the header: is nested deeper than 64 levels"},
      {file_of(R"({"__metadata__":[]})", ""), ": __metadata__ is not a JSON object"},
      {file_of(R"({"__metadata__":{"k":1}})", ""), ": __metadata__: \"k\" must be a text, got 1"},
      {file_of(R"({"a":[]})", ""), ": \"a\" has no dtype"},
      {file_of(R"({"a":{"dtype":"F32","data_offsets":[0,0]}})", ""), ": \"a\" has no shape"},
      {file_of(R"({"a":{"dtype":"F32","shape":[0]}})", ""), ": \"a\" has no data_offsets"},
      {file_of(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"x":1}})", ""),
       ": \"a\" has 4 properties, expected dtype, shape and data_offsets"},
      {one(R"("I64")", "[1]", "[0,8]", 8),
       ": \"a\": dtype \"I64\" is not supported (F32, F64, F16, BF16 are)"},
      {one("32", "[1]", "[0,4]", 4), ": \"a\": dtype 32 is not supported"},
      {one(R"("F32")", "[-1]", "[0,4]", 4),
       ": \"a\": shape must be a list of non-negative integers, got [-1]"},
      {one(R"("F32")", "[1.0]", "[0,4]", 4),
       ": \"a\": shape must be a list of non-negative integers, got [1.0]"},
      {one(R"("F32")", "1", "[0,4]", 4),
       ": \"a\": shape must be a list of non-negative integers, got 1"},
      {one(R"("F32")", "[9223372036854775808]", "[0,4]", 4),
       ": \"a\": shape must be a list of non-negative integers, got [9223372036854775808]"},
      {one(R"("F32")", "[4294967296,4294967296]", "[0,4]", 4),
       ": \"a\": shape (4294967296,4294967296) is too large"},
      // Elements fit into 64 bits, bytes do not: 2^62 · 4 would be 0.
      {one(R"("F32")", "[4611686018427387904]", "[0,0]", 0),
       ": \"a\": shape (4611686018427387904) is too large"},
      {one(R"("F32")", "[2]", "[0,4]", 4),
       ": \"a\": shape (2) of F32 needs 8 bytes, data_offsets give 4"},
      {one(R"("BF16")", "[]", "[0,4]", 4),
       ": \"a\": shape () of BF16 needs 2 bytes, data_offsets give 4"},
      {one(R"("F32")", "[1]", "[4,0]", 4),
       ": \"a\": data_offsets must be [begin, end] with 0 <= begin <= end, got [4,0]"},
      {one(R"("F32")", "[1]", "[-4,0]", 4), ": \"a\": data_offsets must be [begin, end]"},
      {one(R"("F32")", "[1]", "[0]", 4), ": \"a\": data_offsets must be [begin, end]"},
      {one(R"("F32")", "[1]", "[0,4,8]", 4), ": \"a\": data_offsets must be [begin, end]"},
      {one(R"("F32")", "[1]", "[0,\"4\"]", 4), ": \"a\": data_offsets must be [begin, end]"},
      {one(R"("F32")", "[2]", "[0,8]", 7),
       ": \"a\" ends at byte 8 of the data, which has 7; truncated?"},
      {one(R"("F32")", "[1]", "[0,4]", 5), ": 1 bytes follow the last array, expected none"},
      {file_of("{}", "x"), ": 1 bytes follow the last array, expected none"},
      {one(R"("F32")", "[1]", "[1,5]", 5),
       ": \"a\" begins at byte 1 of the data, expected 0: a gap"},
      {two("[0,4]", "[5,9]", 9), ": \"b\" begins at byte 5 of the data, expected 4: a gap"},
      {two("[0,4]", "[3,7]", 8), ": \"b\" begins at byte 3 of the data, inside \"a\""},
      {two("[0,4]", "[0,4]", 4), ": \"b\" begins at byte 0 of the data, inside \"a\""},
  };
  for (const Malformed& c : cases) {
    write_input(path, c.content);
    EXPECT_ERROR(read_safetensors(path), path + c.expected);
  }
}

TEST(Safetensors, NoPrefixOfAFileIsAFile) {
  const TemporaryDirectory folder;
  const std::string path = folder / "a";
  const std::string whole = python_file();
  for (std::size_t size = 0; size < whole.size(); size += 3) {
    write_input(path, whole.substr(0, size));
    EXPECT_ERROR(read_safetensors(path), path + ": ");
  }
}

// No flipped bit of a file with a seal gives other data: it is refused, or the flip was in the name
// of the seal or of the metadata, and the file no longer counts as sealed.
TEST(Safetensors, NoticesEveryFlippedBit) {
  const TemporaryDirectory folder;
  const std::string path = folder / "a";
  const std::array<float, 2> values = {1, 2};
  const std::array<std::int64_t, 1> two = {2};
  const std::vector<ArrayView> arrays = {{"a", two, values}};
  write_safetensors(path, arrays, {{"format", "x"}});
  const std::string whole = read_file(path);
  int unsealed = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += 3) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    write_input(path, flipped);
    try {
      const WeightsFile read = read_safetensors(path);
      EXPECT_FALSE(read.sealed) << "bit " << bit;
      ++unsealed;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::StartsWith(path + ": "));
    }
  }
  EXPECT_LE(unsealed, 6 * 8);  // of "sha256"
}

TEST(Safetensors, SaysWhatToDoWithASealThatIsOutOfDate) {
  const TemporaryDirectory folder;
  const std::string path = folder / "a";
  write_file(path,
             file_of(R"({"__metadata__":{"a":"b","sha256":")" + std::string(64, '0') + "\"}}", ""));
  EXPECT_ERROR(read_safetensors(path),
               path +
                   ": is damaged: its checksum is not that of its bytes; if it was changed on "
                   "purpose, remove 'sha256' from its metadata");
  write_file(path, file_of(R"({"__metadata__":{"a":"b"}})", ""));
  EXPECT_FALSE(read_safetensors(path).sealed);
}

// A byte changed at random gives another file or one Error, and never anything else.
TEST(Safetensors, SurvivesDamage) {
  const TemporaryDirectory folder;
  const std::string path = folder / "a";
  Random random(3);
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    std::string content = python_file();
    const auto at = static_cast<std::size_t>(random.integer(0, 431));
    content[at] = static_cast<char>(random.word());
    write_input(path, content);
    try {
      read_safetensors(path);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::StartsWith(path + ": "));
      ++refused;
    }
  }
  EXPECT_GT(refused, 80);
}

TEST(Safetensors, MissingFile) {
  const TemporaryDirectory folder;
  const std::string path = folder / "none";
  EXPECT_ERROR(read_safetensors(path), path + ": cannot open: No such file or directory");
}

}  // namespace
}  // namespace ekgine
