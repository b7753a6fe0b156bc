#include "data/preprocess.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "data/amplitude.h"
#include "data/moments.h"
#include "data/scalogram.h"
#include "data/workers.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> chosen_records(const PreprocessOptions& options) {
  const std::vector<std::string> names =
      options.records.empty() ? database_records(options.database) : options.records;
  std::set<std::string> seen;
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) fail("record {} is named twice", name);
    // A name, not a path: it becomes the name of a file in the store.
    if (name.find('/') != std::string::npos || !fs::exists(options.database / (name + ".hea"))) {
      missing.push_back(name);
    }
  }
  if (!missing.empty()) {
    fail("{}: record{} {} {} not exist (no .hea file)", options.database.string(),
         missing.size() > 1 ? "s" : "", fmt::join(missing, ", "),
         missing.size() > 1 ? "do" : "does");
  }
  return names;
}

// Of the record's beats as training measures them unless told otherwise, so that it need not
// transform every beat before it begins. A record whose beats cannot be measured so has none.
std::optional<Moments> usual_moments(const Cpu& cpu, RecordBeats record) {
  try {
    measure_in(Amplitude::deviation, record);
  } catch (const Error&) {
    return {};
  }
  return record_moments(cpu, record.beats);
}

}  // namespace

std::vector<std::string> database_records(const fs::path& database) {
  if (!fs::is_directory(database)) fail("{}: the database does not exist", database.string());
  std::vector<std::string> names;
  if (fs::exists(database / "RECORDS")) {
    std::istringstream lines(read_file(database / "RECORDS"));
    for (std::string name; lines >> name;) names.push_back(name);
  } else {
    for (const fs::directory_entry& entry : fs::directory_iterator(database)) {
      if (entry.path().extension() == ".hea") names.push_back(entry.path().stem().string());
    }
    std::sort(names.begin(), names.end());
  }
  if (names.empty()) fail("{}: holds no records (no RECORDS, no .hea files)", database.string());
  return names;
}

StoreInfo preprocess(const PreprocessOptions& options, const PreprocessProgress& progress) {
  const LabelMap& map = label_map(options.label_map);
  const std::vector<std::string> names = chosen_records(options);

  StoreInfo info;
  info.label_map = options.label_map;
  info.source = options.database.string();
  info.tool = options.tool;
  info.scalograms = options.scalograms;
  info.records.resize(names.size());

  StoreWriter writer(options.output);
  std::mutex mutex;  // guards done, and serialises progress
  std::int64_t done = 0;
  for_each_item(std::ssize(names), [&](std::int64_t i, const Cpu& cpu) {
    const auto at = static_cast<std::size_t>(i);
    const RecordBeats record = read_record_beats(options.database, names[at], map);
    std::vector<float> scalograms;
    if (options.scalograms) {
      scalograms.resize(static_cast<std::size_t>(record.size() * scalogram_size));
      compute_scalograms(cpu, record.beats, scalograms);
    }
    writer.add(record, scalograms, usual_moments(cpu, record));
    info.records[at].name = record.name;
    for (const std::int32_t label : record.labels) {
      ++info.records[at].counts[static_cast<std::size_t>(label)];
    }
    const std::lock_guard lock(mutex);
    ++done;
    if (progress) progress(done, std::ssize(names));
  });
  writer.commit(info);
  return info;
}

}  // namespace ekgine
