#include "data/preprocess.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"
#include "base/option_error.h"
#include "base/record_name.h"
#include "data/beat_unit.h"
#include "data/moments.h"
#include "data/scalogram.h"
#include "data/text_lines.h"
#include "data/workers.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

// Of `given`, or else of the whole database.
std::vector<std::string> chosen_records(const fs::path& database,
                                        const std::vector<std::string>& given) {
  std::vector<std::string> names = given.empty() ? database_records(database) : given;
  std::set<std::string> seen;
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    if (!given.empty()) check_record_name(name, "records");
    if (!seen.insert(name).second) fail("record {} is named twice", name);
    if (!fs::exists(database / (name + ".hea"))) missing.push_back(name);
  }
  if (!missing.empty()) {
    fail("{}: record{} {} {} not exist (no .hea file)", database.string(),
         missing.size() > 1 ? "s" : "", fmt::join(missing, ", "),
         missing.size() > 1 ? "do" : "does");
  }
  return names;
}

// Removes the records without annotations from `names`, with a notice, and returns them: databases
// list records of noise among the others.
std::vector<std::string> take_unannotated(const fs::path& database, const std::string& annotator,
                                          std::vector<std::string>& names) {
  const auto annotated = [&](const std::string& name) {
    return fs::exists(database / annotation_file(name, annotator));
  };
  const auto rest = std::stable_partition(names.begin(), names.end(), annotated);
  std::vector<std::string> unannotated(rest, names.end());
  names.erase(rest, names.end());
  if (names.empty())
    fail("{}: no record has annotations (.{} files)", database.string(), annotator);
  for (const std::string& name : unannotated) {
    notice(fmt::format("record {} is left out: it has no annotations (.{} file)", name, annotator));
  }
  return unannotated;
}

struct LeftOut {
  std::int64_t unmeasured = 0, repeated = 0, missed = 0, extra = 0;  // as in RecordBeats
};

void tell(const std::string& record, const LeftOut& left_out) {
  if (left_out.unmeasured > 0) {
    notice(fmt::format("record {}: {} beats are left out, with samples that were not measured",
                       record, left_out.unmeasured));
  }
  if (left_out.repeated > 0) {
    notice(fmt::format("record {}: {} annotations are left out, of beats that others mark", record,
                       left_out.repeated));
  }
}

// Of the record's beats as training measures them unless told otherwise, so that it need not
// transform every beat before it begins. A record whose beats cannot be measured so has none.
std::optional<Moments> usual_moments(const Cpu& cpu, RecordBeats record) {
  try {
    measure_in(BeatUnit::deviation, record);
  } catch (const Error&) {
    return {};
  }
  return record_moments(cpu, record.beats);
}

}  // namespace

std::vector<std::string> database_records(const fs::path& database) {
  if (!fs::is_directory(database)) fail("{}: the database does not exist", database.string());
  std::vector<std::string> names;
  if (const fs::path list = database / "RECORDS"; fs::exists(list)) {
    const std::string text = read_file(list);
    for (const TextLine& line : text_lines(text)) {
      for (const std::string_view name : words_of(line.text)) {
        const std::string where = fmt::format("{}:{}", list.string(), line.number);
        if (name.ends_with('/')) {
          fail_option({"records"},
                      "{}: the folder {} is listed, expected its records; name the records to take",
                      where, excerpt(name));
        }
        check_record_name(name, where);
        names.emplace_back(name);
      }
    }
  } else {
    for (const fs::directory_entry& entry : fs::directory_iterator(database)) {
      if (entry.path().extension() != ".hea") continue;
      names.push_back(entry.path().stem().string());
      check_record_name(names.back(), database.string());
    }
    std::sort(names.begin(), names.end());
  }
  if (names.empty()) fail("{}: holds no records (no RECORDS, no .hea files)", database.string());
  return names;
}

PreprocessSummary preprocess(const PreprocessOptions& options, const PreprocessProgress& progress) {
  const LabelMap& map = label_map(options.label_map);
  PreprocessSummary summary;
  std::vector<std::string> names = chosen_records(options.database, options.records);
  if (options.records.empty()) {
    summary.unannotated = take_unannotated(options.database, options.beats.annotator, names);
  }

  StoreInfo& info = summary.store;
  info.label_map = map.name();
  info.source = options.database.string();
  info.tool = options.tool;
  info.marks = options.beats.marks;
  info.inverted = options.beats.invert;
  info.scalograms = options.scalograms;
  info.records.resize(names.size());

  StoreWriter writer(options.output);
  std::vector<LeftOut> left_out(names.size());
  std::mutex mutex;  // guards done and the summary, and serialises progress
  std::int64_t done = 0;
  for_each_item(std::ssize(names), [&](std::int64_t i, const Cpu& cpu) {
    const auto at = static_cast<std::size_t>(i);
    const RecordBeats record = read_record_beats(options.database, names[at], map, options.beats);
    std::vector<float> scalograms;
    if (options.scalograms) {
      scalograms.resize(static_cast<std::size_t>(record.size() * scalogram_size));
      compute_scalograms(cpu, record.beats, scalograms);
    }
    writer.add(record, scalograms, usual_moments(cpu, record));
    left_out[at] = {record.unmeasured, record.repeated, record.missed, record.extra};
    info.records[at].name = record.name;
    for (const std::int32_t label : record.labels) {
      ++info.records[at].counts[static_cast<std::size_t>(label)];
    }
    const std::lock_guard lock(mutex);
    ++summary.leads[record.lead];
    ++summary.frequencies[record.frequency];
    ++done;
    if (progress) progress(done, std::ssize(names));
  });
  writer.commit(info);
  for (std::size_t i = 0; i < names.size(); ++i) {
    tell(names[i], left_out[i]);
    summary.unmeasured += left_out[i].unmeasured;
    summary.repeated += left_out[i].repeated;
    summary.missed += left_out[i].missed;
    summary.extra += left_out[i].extra;
  }
  return summary;
}

std::vector<RecordBeats> cut_records(const fs::path& database,
                                     const std::vector<std::string>& records, const LabelMap& map,
                                     const BeatOptions& options, BeatUnit unit) {
  const std::vector<std::string> names = chosen_records(database, records);
  std::vector<RecordBeats> cut(names.size());
  for_each_item(std::ssize(names), [&](std::int64_t i, const Cpu&) {
    RecordBeats& record = cut[static_cast<std::size_t>(i)];
    record = read_record_beats(database, names[static_cast<std::size_t>(i)], map, options);
    measure_in(unit, record);
  });
  for (const RecordBeats& record : cut) {
    tell(record.name, {record.unmeasured, record.repeated, record.missed, record.extra});
  }
  return cut;
}

}  // namespace ekgine
