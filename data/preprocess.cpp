#include "data/preprocess.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/json_file.h"
#include "base/option_error.h"
#include "base/record_name.h"
#include "data/beat_unit.h"
#include "data/moments.h"
#include "data/scalogram.h"
#include "data/store_parts.h"
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

// Those to cut; `unannotated` gets the ones that are left out.
std::vector<std::string> names_of(const PreprocessOptions& options,
                                  std::vector<std::string>& unannotated) {
  std::vector<std::string> names = chosen_records(options.database, options.records);
  if (options.records.empty()) {
    unannotated = take_unannotated(options.database, options.beats.annotator, names);
  }
  return names;
}

// What a store says of itself, without its records.
StoreInfo info_of(const PreprocessOptions& options) {
  StoreInfo info;
  info.label_map = label_map(options.label_map).name();
  info.source = options.database.string();
  info.tool = options.tool;
  info.marks = options.beats.marks;
  info.inverted = options.beats.invert;
  info.scalograms = options.scalograms;
  return info;
}

// Of all that decides what is made of a record.
std::string inputs_of(const PreprocessOptions& options, const std::string& name) {
  const StoreInfo info = info_of(options);
  const BeatOptions& beats = options.beats;
  return record_inputs(
      options.database, name, beats.annotator,
      json_text(Json::array({info.label_map, info.source, info.tool, choice_name(beats.marks),
                             beats.lead, beats.invert, beats.annotator, info.scalograms})));
}

void add_record(StoreWriter& writer, const PreprocessOptions& options, const RecordBeats& record,
                const Cpu& cpu) {
  std::vector<float> scalograms;
  if (options.scalograms) {
    scalograms.resize(static_cast<std::size_t>(record.size() * scalogram_size));
    compute_scalograms(cpu, record.beats, scalograms);
  }
  writer.add(record, scalograms, usual_moments(cpu, record));
}

StoreRecord entry_of(const RecordBeats& record) {
  StoreRecord entry;
  entry.name = record.name;
  for (const std::int32_t label : record.labels) ++entry.counts[static_cast<std::size_t>(label)];
  return entry;
}

LeftOut left_out_of(const RecordBeats& record) {
  return {record.unmeasured, record.repeated, record.missed, record.extra};
}

void add_left_out(PreprocessSummary& summary, const LeftOut& left_out) {
  summary.unmeasured += left_out.unmeasured;
  summary.repeated += left_out.repeated;
  summary.missed += left_out.missed;
  summary.extra += left_out.extra;
}

void add_source(PreprocessSummary& summary, const RecordBeats& record) {
  ++summary.leads[record.lead];
  ++summary.frequencies[record.frequency];
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
  const std::vector<std::string> names = names_of(options, summary.unannotated);
  StoreInfo& info = summary.store = info_of(options);
  info.records.resize(names.size());

  StoreWriter writer(options.output);
  std::vector<LeftOut> left_out(names.size());
  std::mutex mutex;  // guards done and the summary, and serialises progress
  std::int64_t done = 0;
  for_each_item(std::ssize(names), [&](std::int64_t i, const Cpu& cpu) {
    const auto at = static_cast<std::size_t>(i);
    const RecordBeats record = read_record_beats(options.database, names[at], map, options.beats);
    add_record(writer, options, record, cpu);
    left_out[at] = left_out_of(record);
    info.records[at] = entry_of(record);
    const std::lock_guard lock(mutex);
    add_source(summary, record);
    ++done;
    if (progress) progress(done, std::ssize(names));
  });
  writer.commit(info);
  for (std::size_t i = 0; i < names.size(); ++i) {
    tell(names[i], left_out[i]);
    add_left_out(summary, left_out[i]);
  }
  return summary;
}

void preprocess_part(const PreprocessOptions& options, const Shard& shard, RecordJobs& jobs) {
  const LabelMap& map = label_map(options.label_map);
  std::vector<std::string> unannotated;
  const std::vector<std::string> names = part_of(names_of(options, unannotated), shard);
  const StoreParts parts(options.output);
  const OutputDirectory folder(parts.parts().folder(), DirectoryLock::Kind::shared);
  jobs.expect(std::ssize(names));
  std::vector<LeftOut> left_out(names.size());
  const auto do_record = [&](std::size_t at, const Cpu& cpu) {
    const std::string& name = names[at];
    StoreWriter writer(parts.store_of(name));  // of several that were told to do it one does
    const std::string inputs = inputs_of(options, name);
    if (!parts.done(name, inputs).is_null()) return RecordOutcome{.done_already = true};
    parts.parts().begin(name);
    const RecordBeats record = read_record_beats(options.database, name, map, options.beats);
    add_record(writer, options, record, cpu);
    StoreInfo info = info_of(options);
    info.records.push_back(entry_of(record));
    writer.commit(info);
    left_out[at] = left_out_of(record);
    parts.set_done(name, inputs, left_out[at]);
    return RecordOutcome{};
  };
  for_each_item(std::ssize(names), [&](std::int64_t i, const Cpu& cpu) {
    const auto at = static_cast<std::size_t>(i);
    jobs.run(names[at], [&] { return do_record(at, cpu); });
  });
  for (std::size_t i = 0; i < names.size(); ++i) tell(names[i], left_out[i]);
}

PreprocessSummary merge_parts(const PreprocessOptions& options) {
  PreprocessSummary summary;
  const std::vector<std::string> names = names_of(options, summary.unannotated);
  const StoreParts parts(options.output);
  auto lock = parts.parts().lock();
  const std::vector<Json> done = parts.parts().all_done(
      names, [&](const std::string& name) { return parts.done(name, inputs_of(options, name)); });
  summary.store = info_of(options);
  StoreWriter writer(options.output);
  for (std::size_t i = 0; i < names.size(); ++i) {
    throw_if_interrupted();
    add_left_out(summary, parts.left_out(names[i], done[i]));
    const Store part(parts.store_of(names[i]));
    writer.add_from(part, names[i]);
    add_source(summary, part.read(names[i]));
    summary.store.records.push_back(part.info().records.front());
  }
  writer.commit(summary.store);
  parts.remove(names);
  parts.parts().remove_folder(std::move(lock));
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
  for (const RecordBeats& record : cut) tell(record.name, left_out_of(record));
  return cut;
}

}  // namespace ekgine
