// The safetensors file format: named arrays and text metadata.
//
// Format (https://github.com/huggingface/safetensors#format): a 64-bit little-endian header length;
// a JSON header {"__metadata__": {key: text, ...}, name: {"dtype": ..., "shape": [...],
// "data_offsets": [begin, end]}, ...}, padded with spaces; then the data, row-major and
// little-endian, offsets counted from its start, without gaps. Any safetensors reader opens what is
// written here.
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
  Metadata metadata;
};

// Reads a whole file. F32 is taken bit for bit, F16 and BF16 are widened exactly, F64 is rounded.
// Errors name the file and the array: a truncated or malformed header, another element type, a
// shape that disagrees with its bytes, data that overlaps, has gaps, is cut short or too long.
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
// not fill their shape; text that is not UTF-8.
void write_safetensors(const std::filesystem::path& path, std::span<const ArrayView> arrays,
                       const Metadata& metadata);
void write_safetensors(const std::filesystem::path& path, const StateDict& arrays,
                       const Metadata& metadata);

}  // namespace ekgine
