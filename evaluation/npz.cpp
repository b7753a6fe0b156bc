#include "evaluation/npz.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string_view>

#include "base/atomic_file.h"
#include "base/zip.h"

namespace ekgine {

namespace {

static_assert(std::endian::native == std::endian::little, "arrays are written as they lie");

// A .npy file, version 1.0. `type` is NumPy's: "<f4". `shape` is the text of a Python tuple.
template <class T>
std::string npy(std::string_view type, const std::string& shape, const std::vector<T>& values) {
  constexpr std::size_t alignment = 64, fixed = 10;  // magic, version, length of the text
  std::string text =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", type, shape);
  const std::size_t end = fixed + text.size() + 1;
  text.append((alignment - end % alignment) % alignment, ' ');
  text += '\n';
  std::string file = "\x93NUMPY";
  file += {1, 0, static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
  file += text;
  file.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  return file;
}

}  // namespace

void write_npz(const std::filesystem::path& path, std::span<const RecordPredictions> records,
               std::size_t classes) {
  check_records(records, classes);
  std::vector<std::int32_t> labels;
  std::vector<float> probabilities;
  for (const RecordPredictions& record : records) {
    labels.insert(labels.end(), record.labels.begin(), record.labels.end());
    probabilities.insert(probabilities.end(), record.probabilities.begin(),
                         record.probabilities.end());
  }
  std::vector<std::int64_t> predicted;
  for (auto row = probabilities.begin(); row != probabilities.end();) {
    const auto end = row + static_cast<std::ptrdiff_t>(classes);
    predicted.push_back(std::max_element(row, end) - row);
    row = end;
  }
  const std::string column = fmt::format("({},)", labels.size());
  const std::string matrix = fmt::format("({}, {})", labels.size(), classes);
  const ZipMember members[] = {{"y_true.npy", npy("<i4", column, labels)},
                               {"y_pred_probs.npy", npy("<f4", matrix, probabilities)},
                               {"y_pred_classes.npy", npy("<i8", column, predicted)}};
  write_file(path, zip_of(members, ZipMethod::deflate, path.string()));
}

}  // namespace ekgine
