// The safetensors file format: named arrays and text metadata.
//
// Format (https://github.com/huggingface/safetensors#format): a 64-bit little-endian header length;
// a JSON header {"__metadata__": {key: text, ...}, name: {"dtype": ..., "shape": [...],
// "data_offsets": [begin, end]}, ...}, padded with spaces; then the data, row-major and
// little-endian, offsets counted from its start, without gaps. Any safetensors reader opens what is
// written here.
//
// What is written here is sealed (base/seal.h): the seal is `sha256`, the first key of the
// metadata. A program that changes such a file must take that key out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "model/state_dict.h"

namespace ekgine {

using Metadata = std::map<std::string, std::string>;

struct WeightsFile {
  StateDict arrays;
  Metadata metadata;    // without the seal
  bool sealed = false;  // there is a seal, and it holds
};

// Reads a whole file. F32 is taken bit for bit, F16 and BF16 are widened exactly, F64 is rounded.
// Errors name the file and the array: a truncated or malformed header, another element type, a
// shape that disagrees with its bytes, data that overlaps, has gaps, is cut short or too long, a
// seal that does not hold.
WeightsFile read_safetensors(const std::filesystem::path& path);

// An array that somebody else keeps alive while it is written.
struct ArrayView {
  std::string name;
  std::span<const std::int64_t> shape;
  std::span<const float> values;  // row-major
};

// Writes F32 arrays in order of their names, whatever order they are given in; data starts at a
// multiple of eight bytes. The file appears whole or not at all, and equal input gives equal bytes.
// No array is copied. Errors: the file cannot be written; two arrays of one name; values that do
// not fill their shape; text that is not UTF-8; `metadata` with a key of the seal's name.
void write_safetensors(const std::filesystem::path& path, std::span<const ArrayView> arrays,
                       const Metadata& metadata);
void write_safetensors(const std::filesystem::path& path, const StateDict& arrays,
                       const Metadata& metadata);

}  // namespace ekgine
