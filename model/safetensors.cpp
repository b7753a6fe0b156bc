#include "model/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json_file.h"
#include "base/seal.h"
#include "model/json_text.h"

namespace ekgine {

namespace {

namespace fs = std::filesystem;

static_assert(std::endian::native == std::endian::little, "array data is copied as it is");

constexpr const char* metadata_key = "__metadata__";
constexpr const char* seal_key = "sha256";
constexpr std::size_t length_bytes = 8;
// How every header that is written here begins; the digits of the seal follow.
constexpr std::string_view header_start = R"({"__metadata__":{"sha256":")";
constexpr std::size_t seal_position = length_bytes + header_start.size();

// The value of a JSON number that is a whole one from 0 to 2^63 − 1.
std::optional<std::int64_t> natural(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto number = value.get<std::uint64_t>();
  if (number > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::optional<std::vector<std::int64_t>> naturals(const Json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const Json& element : value) {
    const std::optional<std::int64_t> number = natural(element);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

// Number of elements; nothing when it does not fit.
std::optional<std::int64_t> product(std::span<const std::int64_t> shape) {
  // A zero extent makes the array empty however large the others are.
  if (std::ranges::count(shape, 0) > 0) return 0;
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (__builtin_mul_overflow(count, extent, &count)) return std::nullopt;
  }
  return count;
}

Json parse_header(std::string_view text, const std::string& file) {
  Json header = parse_json(text, file + ": the header");
  if (!header.is_object()) fail("{}: the header is not a JSON object", file);
  return header;
}

Metadata parse_metadata(const Json& value, const std::string& file) {
  if (!value.is_object()) fail("{}: {} is not a JSON object", file, metadata_key);
  Metadata metadata;
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      fail("{}: {}: {} must be a text, got {}", file, metadata_key, brief(key), brief(text));
    }
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

// Takes the seal out of the metadata; tells whether there was one. Errors: it does not hold.
bool take_seal(Metadata& metadata, std::string_view content, const std::string& file) {
  if (!metadata.contains(seal_key)) return false;
  const bool in_place = content.substr(length_bytes).starts_with(header_start);
  if (!in_place || !seal_holds(content, seal_position)) {
    fail(
        "{}: is damaged: its checksum is not that of its bytes; if it was changed on purpose, "
        "remove "
        "'{}' from its metadata",
        file, seal_key);
  }
  metadata.erase(seal_key);
  return true;
}

enum class ElementType { f16, bf16, f32, f64 };

struct ElementFormat {
  std::string_view name;
  ElementType type;
  std::int64_t bytes;
};

constexpr std::array element_formats = {
    ElementFormat{"F32", ElementType::f32, 4}, ElementFormat{"F64", ElementType::f64, 8},
    ElementFormat{"F16", ElementType::f16, 2}, ElementFormat{"BF16", ElementType::bf16, 2}};

// IEEE 754 binary16, all of whose values are floats.
float widen_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const int exponent = half >> 10 & 31;
  const std::uint32_t fraction = half & 1023;
  if (exponent == 0) {  // zero and subnormals: fraction · 2^-24
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  const std::uint32_t widened =
      exponent == 31 ? 255 : static_cast<std::uint32_t>(exponent) + 127 - 15;
  return std::bit_cast<float>(sign | widened << 23 | fraction << 13);
}

float widen_bfloat16(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

template <class Stored, class Convert>
void convert(std::string_view data, std::span<float> values, Convert to_float) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, data.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = to_float(stored);
  }
}

std::vector<float> to_floats(std::string_view data, const ElementFormat& format) {
  std::vector<float> values(data.size() / static_cast<std::size_t>(format.bytes));
  switch (format.type) {
    case ElementType::f32:
      if (!data.empty()) std::memcpy(values.data(), data.data(), data.size());
      break;
    case ElementType::f64:
      convert<double>(data, values, [](double v) { return static_cast<float>(v); });
      break;
    case ElementType::f16:
      convert<std::uint16_t>(data, values, widen_half);
      break;
    case ElementType::bf16:
      convert<std::uint16_t>(data, values, widen_bfloat16);
      break;
  }
  return values;
}

struct Entry {
  std::string name;
  const ElementFormat* format;
  std::vector<std::int64_t> shape;
  std::int64_t begin, end;  // bytes, from the start of the data
};

Entry parse_entry(const std::string& name, const Json& value, std::int64_t data_bytes,
                  const std::string& file) {
  const std::string where = file + ": " + brief(name);
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    if (!value.is_object() || !value.contains(key)) fail("{} has no {}", where, key);
  }
  if (value.size() != 3) {
    fail("{} has {} properties, expected dtype, shape and data_offsets", where, value.size());
  }
  const Json& dtype = value["dtype"];
  const auto format = std::ranges::find_if(element_formats,
                                           [&](const ElementFormat& f) { return dtype == f.name; });
  if (format == element_formats.end()) {
    fail("{}: dtype {} is not supported (F32, F64, F16, BF16 are)", where, brief(dtype));
  }
  std::optional<std::vector<std::int64_t>> shape = naturals(value["shape"]);
  if (!shape) {
    fail("{}: shape must be a list of non-negative integers, got {}", where, brief(value["shape"]));
  }
  const std::optional<std::vector<std::int64_t>> offsets = naturals(value["data_offsets"]);
  if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1]) {
    fail("{}: data_offsets must be [begin, end] with 0 <= begin <= end, got {}", where,
         brief(value["data_offsets"]));
  }
  const std::int64_t begin = (*offsets)[0], end = (*offsets)[1];
  if (end > data_bytes) {
    fail("{} ends at byte {} of the data, which has {}; truncated?", where, end, data_bytes);
  }
  const std::optional<std::int64_t> count = product(*shape);
  std::int64_t bytes = 0;
  if (!count || __builtin_mul_overflow(*count, format->bytes, &bytes)) {
    fail("{}: shape {} is too large", where, shape_text(*shape));
  }
  if (bytes != end - begin) {
    fail("{}: shape {} of {} needs {} bytes, data_offsets give {}", where, shape_text(*shape),
         format->name, bytes, end - begin);
  }
  return {name, format, std::move(*shape), begin, end};
}

// Every byte of the data belongs to exactly one array.
void check_contiguous(std::vector<Entry>& entries, std::int64_t data_bytes,
                      const std::string& file) {
  std::ranges::sort(entries, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
  std::int64_t end = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    const std::string where = file + ": " + brief(entry.name);
    if (entry.begin < end) {
      fail("{} begins at byte {} of the data, inside {}", where, entry.begin,
           brief(entries[i - 1].name));
    }
    if (entry.begin > end) {
      fail("{} begins at byte {} of the data, expected {}: a gap", where, entry.begin, end);
    }
    end = entry.end;
  }
  if (end != data_bytes) {
    fail("{}: {} bytes follow the last array, expected none", file, data_bytes - end);
  }
}

}  // namespace

WeightsFile read_safetensors(const fs::path& path) {
  const std::string file = path.string();
  const std::string content = read_file(path);
  if (content.size() < length_bytes) {
    fail("{}: not a safetensors file: it has {} bytes, expected at least {}", file, content.size(),
         length_bytes);
  }
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, content.data(), length_bytes);
  if (header_bytes > content.size() - length_bytes) {
    fail("{}: not a safetensors file, or truncated: the header should have {} bytes, {} are there",
         file, header_bytes, content.size() - length_bytes);
  }
  const std::string_view text(content.data() + length_bytes, header_bytes);
  const std::string_view data = std::string_view(content).substr(length_bytes + header_bytes);
  const auto data_bytes = static_cast<std::int64_t>(data.size());

  WeightsFile weights;
  std::vector<Entry> entries;
  for (const Json header = parse_header(text, file); const auto& [name, value] : header.items()) {
    if (name == metadata_key) {
      weights.metadata = parse_metadata(value, file);
      weights.sealed = take_seal(weights.metadata, content, file);
    } else {
      entries.push_back(parse_entry(name, value, data_bytes, file));
    }
  }
  check_contiguous(entries, data_bytes, file);
  for (Entry& entry : entries) {
    const auto begin = static_cast<std::size_t>(entry.begin);
    const auto end = static_cast<std::size_t>(entry.end);
    weights.arrays[entry.name] = {std::move(entry.shape),
                                  to_floats(data.substr(begin, end - begin), *entry.format)};
  }
  return weights;
}

void write_safetensors(const fs::path& path, std::span<const ArrayView> arrays,
                       const Metadata& metadata) {
  const std::string file = path.string();
  std::map<std::string_view, const ArrayView*> sorted;
  for (const ArrayView& array : arrays) {
    if (array.name == metadata_key) {
      fail("{}: cannot write: '{}' is not a name for an array", file, array.name);
    }
    if (!sorted.emplace(array.name, &array).second) {
      fail("{}: cannot write: two arrays are called '{}'", file, array.name);
    }
    if (product(array.shape) != std::ssize(array.values)) {
      fail("{}: cannot write: {} values do not fill '{}' of shape {}", file, array.values.size(),
           array.name, shape_text(array.shape));
    }
  }

  Json header = Json::object();
  header[metadata_key] = {{seal_key, blank_seal}};
  for (const auto& [key, value] : metadata) {
    if (key == seal_key) fail("{}: cannot write: the metadata has a key '{}'", file, seal_key);
    header[metadata_key][key] = value;
  }
  std::size_t offset = 0;
  std::vector<std::string_view> parts(1);  // length and header
  for (const auto& [name, array] : sorted) {
    const std::size_t bytes = array->values.size_bytes();
    header[std::string(name)] = {{"dtype", "F32"},
                                 {"shape", std::vector(array->shape.begin(), array->shape.end())},
                                 {"data_offsets", Json::array({offset, offset + bytes})}};
    offset += bytes;
    parts.emplace_back(reinterpret_cast<const char*>(array->values.data()), bytes);
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const JsonError&) {
    fail("{}: cannot write: a name or the metadata is not UTF-8", file);
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  text.insert(0, reinterpret_cast<const char*>(&length), length_bytes);
  parts[0] = text;
  text.replace(seal_position, blank_seal.size(), seal_of(parts, seal_position));
  write_file(path, parts);
}

void write_safetensors(const fs::path& path, const StateDict& arrays, const Metadata& metadata) {
  std::vector<ArrayView> views;
  views.reserve(arrays.size());
  for (const auto& [name, array] : arrays) views.push_back({name, array.shape, array.values});
  write_safetensors(path, views, metadata);
}

}  // namespace ekgine
