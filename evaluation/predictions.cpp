#include "evaluation/predictions.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"
#include "base/hdf5.h"
#include "base/record_name.h"
#include "evaluation/metrics.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t predictions_version = 2;  // the first that is sealed

// Refuses a file that must have a seal and has none.
void check_version(const hdf5::File& file, const std::string& path) {
  if (!file.has_attribute("/", "version")) {
    if (file.seal().empty()) notice(fmt::format("{}: has no checksum; taken as it is", path));
    return;
  }
  if (const auto version = file.read_integer("/", "version"); version != predictions_version) {
    fail("{}: is of version {}, expected {}", path, version, predictions_version);
  }
  if (file.seal().empty()) fail("{}: is damaged: its checksum is missing", path);
}

}  // namespace

void check_records(std::span<const RecordPredictions> records, std::size_t classes) {
  if (records.empty()) fail("no records to evaluate");
  std::set<std::string> names;
  for (const RecordPredictions& record : records) {
    check_record_name(record.record, "predictions.h5");
    const std::string where = fmt::format("record {}: ", record.record);
    if (!names.insert(record.record).second) fail("{}given twice", where);
    check_predictions(where, record.probabilities, record.labels, classes);
    if (!record.r_samples.empty() && record.r_samples.size() != record.labels.size()) {
      fail("{}{} R samples, expected {} as there are labels", where, record.r_samples.size(),
           record.labels.size());
    }
    if (!std::ranges::is_sorted(record.r_samples) ||
        (!record.r_samples.empty() && record.r_samples.front() < 0)) {
      fail("{}R samples are not in the order of the signal", where);
    }
  }
}

void write_predictions(const fs::path& path, std::span<const RecordPredictions> records,
                       std::span<const std::string> class_names) {
  check_records(records, class_names.size());
  AtomicFile target(path);
  hdf5::File file = hdf5::File::create(target.temporary_path());
  file.write_integer("/", "version", predictions_version);
  file.write_text("/", "classes", fmt::format("{}", fmt::join(class_names, ",")));
  for (const RecordPredictions& record : records) {
    const auto n = static_cast<std::int64_t>(record.labels.size());
    const std::array matrix{n, static_cast<std::int64_t>(class_names.size())};
    const std::array column{n};
    const std::string group = record_file_name(record.record);
    file.write<float>(group + "/probabilities", record.probabilities, matrix);
    file.write<std::int32_t>(group + "/labels", record.labels, column);
    if (!record.r_samples.empty()) {
      file.write<std::int64_t>(group + "/r_samples", record.r_samples, column);
    }
  }
  file.close();
  target.commit();
}

std::vector<RecordPredictions> read_predictions(const fs::path& path, std::size_t classes) {
  const hdf5::File file = hdf5::File::open(path);
  check_version(file, path.string());
  std::vector<RecordPredictions> records;
  for (const std::string& name : file.members("/")) {
    if (!file.is_group(name)) fail("{}: /{} is a dataset, expected a group", path.string(), name);
    RecordPredictions record;
    record.record = record_of_file_name(name);
    const std::array<std::int64_t, 2> matrix{-1, static_cast<std::int64_t>(classes)};
    record.probabilities = file.read<float>(name + "/probabilities", matrix);
    const std::array column{file.shape(name + "/probabilities").front()};
    record.labels = file.read<std::int32_t>(name + "/labels", column);
    if (file.exists(name + "/r_samples")) {
      record.r_samples = file.read<std::int64_t>(name + "/r_samples", column);
    }
    records.push_back(std::move(record));
  }
  if (records.empty()) fail("{}: holds no records", path.string());
  try {
    check_records(records, classes);
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
  return records;
}

}  // namespace ekgine
