#include "data/store.h"

#include <fmt/ranges.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <limits>
#include <numeric>
#include <set>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/hdf5.h"
#include "base/json_file.h"
#include "base/record_name.h"
#include "base/regular_file.h"
#include "base/seal.h"
#include "base/sha256.h"
#include "data/labels.h"
#include "data/workers.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

constexpr const char* format_name = "ekgine store";
constexpr const char* description_name = "store.json";
constexpr const char* beat_list_name = "metadata.json";
constexpr BeatUnit stored_unit = BeatUnit::millivolts;
constexpr const char* moments_amplitude = "moments_amplitude";  // there if `moments` are
constexpr const char* record_frequency = "record_frequency";    // where it is not 360 Hz
constexpr const char* wave_leads_name = "wave_leads";           // there if features and waves are
constexpr std::int64_t unsealed_version = 2;                    // without checksums and features
// A dataset has no more (SequenceIndex). Sums of so few do not overflow.
constexpr std::int64_t most_beats = std::numeric_limits<std::int32_t>::max();

fs::path record_path(const fs::path& folder, const std::string& record) {
  return folder / (record_file_name(record) + ".h5");
}

// The first file in `folder` that no store has, or nothing.
std::string foreign_file(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    if (name == lock_file_name) continue;
    if (name.ends_with(".partial")) name.resize(name.size() - std::strlen(".partial"));
    if (!entry.is_regular_file() ||
        (name != description_name && name != beat_list_name && !name.ends_with(".h5"))) {
      return entry.path().filename().string();
    }
  }
  return {};
}

fs::path parent_of(const fs::path& folder) {
  return folder.has_parent_path() ? folder.parent_path() : fs::path(".");
}

// A store may be written at `place`: nothing is there, or a store.
void require_store_or_nothing(const fs::path& place) {
  struct stat info {};
  if (::lstat(place.c_str(), &info) != 0) return;
  if (!S_ISDIR(info.st_mode)) {
    fail("{}: is {}, expected a folder for the store", place.string(), kind_of_file(info.st_mode));
  }
  struct stat outside {};
  if (::stat(parent_of(place).c_str(), &outside) == 0 && outside.st_dev != info.st_dev) {
    fail("{}: is a mount point, which cannot be replaced as a whole; choose a folder in it",
         place.string());
  }
  if (const std::string other = foreign_file(place); !other.empty()) {
    fail("{}: holds {}, which is no part of a store; choose another folder", place.string(), other);
  }
}

// False, and errno, where that cannot be done. Not even an empty folder is replaced: it may be
// where another process is about to write.
bool rename_to_nothing(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;  // else: this file system has no such call
  return !fs::exists(to) && ::rename(from.c_str(), to.c_str()) == 0;
}

// `values` are of `row` a beat, from beat `first` on. Errors name the dataset and the beat.
void check_finite(const std::string& where, const std::vector<float>& values, std::int64_t first,
                  std::int64_t row) {
  // One pass without branches: a sum of 0·x is 0 unless some x is not finite.
  float probe = 0;
  for (const float v : values) probe += 0 * v;
  if (probe == 0) return;
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  const std::int64_t at = bad - values.begin();
  fail("{}: beat {}, value {} is {}, expected a finite number", where, first + at / row, at % row,
       *bad);
}

std::vector<std::int32_t> read_labels_of(const hdf5::File& file, const std::string& path,
                                         const StoreRecord& entry) {
  const std::int64_t shape[] = {entry.beats()};
  std::vector<std::int32_t> labels = file.read<std::int32_t>("labels", shape);
  ClassCounts counts{};
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= class_count) {
      fail("{}:labels: beat {} has label {}, expected 0 to {}", path, i, labels[i],
           class_count - 1);
    }
    ++counts[static_cast<std::size_t>(labels[i])];
  }
  if (counts != entry.counts) {
    fail("{}:labels: the counts per class ({}) disagree with {} ({})", path,
         fmt::join(counts, ", "), description_name, fmt::join(entry.counts, ", "));
  }
  return labels;
}

// Until version 2 the description of a store was called metadata.json.
bool is_of_version_1(const fs::path& folder) {
  if (!fs::is_regular_file(folder / beat_list_name)) return false;
  const std::string text = read_file(folder / beat_list_name);
  if (!text.starts_with('{')) return false;  // a list of beats, which may be large
  const Json json = parse_json(text, (folder / beat_list_name).string());
  return json.contains("format") && json["format"] == format_name;
}

// An entry of `records` in store.json.
StoreRecord read_entry(const fs::path& path, const Json& item, std::int64_t version) {
  StoreRecord record;
  record.name = json_value<std::string>(path, item, "name", "a text");
  check_record_name(record.name, path.string());
  const std::string where = fmt::format("{}: record {}", path.string(), record.name);
  check_keys(where, item, {"name", "beats", "counts", "sha256"});
  const auto counts =
      json_value<std::vector<std::int64_t>>(where, item, "counts", "a list of integers");
  if (counts.size() != record.counts.size() ||
      std::ranges::any_of(counts, [](std::int64_t n) { return n < 0 || n > most_beats; })) {
    fail("{}: 'counts' of record {} are not {} counts", path.string(), record.name, class_count);
  }
  std::ranges::copy(counts, record.counts.begin());
  if (item.contains("beats") &&
      json_value<std::int64_t>(where, item, "beats", "an integer") != record.beats()) {
    fail("{}: 'beats' is not the sum of 'counts'", where);
  }
  if (version != unsealed_version) {
    record.seal = json_value<std::string>(where, item, "sha256", "a checksum");
    if (!is_seal(record.seal)) fail("{}: 'sha256' is not a checksum", where);
  }
  return record;
}

// The record file of a store of `version`.
hdf5::File open_record(const fs::path& path, const StoreRecord& entry, std::int64_t version) {
  hdf5::File file = hdf5::File::open(path);
  if (const std::int64_t found = file.read_integer("/", "version"); found != version) {
    fail("{}: is of store version {}, expected {}", path.string(), found, version);
  }
  if (const std::string name = file.read_text("/", "record"); name != entry.name) {
    fail("{}: holds record {}, expected {}", path.string(), name, entry.name);
  }
  if (version != unsealed_version && file.seal() != entry.seal) {
    fail("{}: is not the file that {} lists: its checksum is another", path.string(),
         description_name);
  }
  return file;
}

// The beats of a record file, in mV.
RecordBeats beats_of(const hdf5::File& file, const std::string& name, const StoreRecord& expected) {
  const std::int64_t n = expected.beats();
  RecordBeats beats;
  beats.name = expected.name;
  beats.lead = file.read_text("/", "lead");
  if (file.has_attribute("/", record_frequency)) {
    beats.frequency = file.read_number("/", record_frequency);
    check_frequency(beats.frequency, name + ":" + record_frequency);
  }
  beats.labels = read_labels_of(file, name, expected);
  const std::int64_t beats_shape[] = {n, beat_samples};
  beats.beats = file.read<float>("beats", beats_shape);
  check_finite(name + ":beats", beats.beats, 0, beat_samples);
  const std::int64_t shape[] = {n};
  const std::vector<std::int8_t> symbols = file.read<std::int8_t>("symbols", shape);
  beats.symbols.assign(symbols.begin(), symbols.end());
  beats.r_samples = file.read<std::int64_t>("r_samples", shape);
  const auto unsorted = std::is_sorted_until(beats.r_samples.begin(), beats.r_samples.end());
  if (unsorted != beats.r_samples.end()) {
    fail("{}:r_samples: beat {} comes before the one before it", name,
         unsorted - beats.r_samples.begin());
  }
  if (n > 0 && beats.r_samples.front() < 0) {
    fail("{}:r_samples: beat 0 is at sample {}, expected 0 or more", name, beats.r_samples.front());
  }
  if (file.has_attribute("/", wave_leads_name)) {
    const std::int64_t features_shape[] = {n, beat_features};
    beats.features = file.read<float>("features", features_shape);
    check_finite(name + ":features", beats.features, 0, beat_features);
  }
  return beats;
}

// What the file has of them.
BeatWaves waves_of(const hdf5::File& file, const std::string& name, const StoreRecord& expected) {
  BeatWaves waves{.leads = file.read_integer("/", wave_leads_name), .samples = {}};
  if (waves.leads < 1 || waves.leads > wave_leads) {
    fail("{}: {} is {}, expected 1 or {}", name, wave_leads_name, waves.leads, wave_leads);
  }
  const std::int64_t shape[] = {expected.beats(), wave_leads, wave_samples};
  waves.samples = file.read<float>("waves", shape);
  check_finite(name + ":waves", waves.samples, 0, wave_leads * wave_samples);
  return waves;
}

void write_features(hdf5::File& file, const RecordBeats& record) {
  if (record.features.empty()) return;
  file.write_integer("/", wave_leads_name, record.waves.leads);
  const std::int64_t n = record.size();
  const std::int64_t features_shape[] = {n, beat_features};
  file.write<float>("features", record.features, features_shape);
  const std::int64_t waves_shape[] = {n, wave_leads, wave_samples};
  file.write<float>("waves", record.waves.samples, waves_shape);
}

// Of the scalograms of the file's beats, where it has those of beats measured so.
std::optional<Moments> moments_of(const hdf5::File& file, const std::string& name,
                                  const StoreRecord& expected, BeatUnit unit) {
  if (!file.has_attribute("/", moments_amplitude) ||
      beat_unit_from_name(file.read_text("/", moments_amplitude)) != unit) {
    return {};
  }
  const std::int64_t shape[] = {2, beat_samples};
  const std::vector<double> values = file.read<double>("moments", shape);
  Moments moments;
  moments.count = static_cast<double>(expected.beats() * scalogram_scales);
  for (std::size_t t = 0; t < moments.mean.size(); ++t) {
    moments.mean[t] = values[t];
    moments.squares[t] = values[beat_samples + t];
    if (!std::isfinite(moments.mean[t]) || !(moments.squares[t] >= 0) ||
        !std::isfinite(moments.squares[t])) {
      fail("{}:moments: column {} has the mean {} and the squared deviations {}", name, t,
           moments.mean[t], moments.squares[t]);
    }
  }
  return moments;
}

}  // namespace

std::int64_t StoreRecord::beats() const {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

Store::Store(fs::path folder, BeatUnit unit) : folder_(std::move(folder)), unit_(unit) {
  if (!fs::is_directory(folder_)) fail("{}: the store does not exist", folder_.string());
  const fs::path path = folder_ / description_name;
  if (!fs::exists(path)) {
    if (is_of_version_1(folder_)) {
      fail("{}: was written by an earlier version; run 'ekgine preprocess' again",
           folder_.string());
    }
    fail("{}: is not a store: {} is missing", folder_.string(), description_name);
  }
  const Json json = read_json(path, Sealed::if_present);
  const std::string file = path.string();
  if (const auto format = json_value<std::string>(path, json, "format", "a text");
      format != format_name) {
    fail("{}: the format is '{}', expected '{}'", file, format, format_name);
  }
  info_.version = json_value<std::int64_t>(path, json, "version", "an integer");
  if (info_.version < unsealed_version || info_.version > store_version) {
    fail("{}: is of store version {}, expected {}; run 'ekgine preprocess' again", file,
         info_.version, store_version);
  }
  check_keys(path, json,
             {"format", "version", "tool", "source", "label_map", "classes", "sampling_frequency",
              "beat_samples", "units", "marks", "inverted", "scalograms", "records"});
  label_map_in_file_ = json_value<std::string>(path, json, "label_map", "a text");
  info_.label_map = label_map_name(label_map_in_file_);
  if (json.contains("marks")) {
    const auto name = json_value<std::string>(path, json, "marks", "a text");
    const std::optional<BeatMarks> marks = choice_named<BeatMarks>(name);
    if (!marks) fail("{}: the marks are '{}', expected annotated or detected", file, name);
    info_.marks = *marks;
  }
  if (json.contains("inverted")) {
    info_.inverted = json_value<bool>(path, json, "inverted", "true or false");
  }
  info_.source = json_value<std::string>(path, json, "source", "a text");
  info_.tool = json_value<std::string>(path, json, "tool", "a text");
  info_.scalograms = json_value<bool>(path, json, "scalograms", "true or false");
  const auto records = json_value<std::vector<Json>>(path, json, "records", "a list");
  std::set<std::string> seen;
  std::int64_t beats = 0;
  for (const Json& item : records) {
    StoreRecord& record = info_.records.emplace_back(read_entry(path, item, info_.version));
    if (!seen.insert(record.name).second) fail("{}: record {} is listed twice", file, record.name);
    beats += record.beats();
    if (beats > most_beats) fail("{}: claims more than {} beats", file, most_beats);
  }
  if (info_.records.empty()) fail("{}: lists no records", file);
}

std::vector<std::string> Store::record_names() const {
  std::vector<std::string> names;
  names.reserve(info_.records.size());
  for (const StoreRecord& record : info_.records) names.push_back(record.name);
  return names;
}

std::vector<StoreRecord> Store::find(const std::vector<std::string>& names) const {
  std::vector<StoreRecord> found;
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    const auto entry = std::find_if(info_.records.begin(), info_.records.end(),
                                    [&](const StoreRecord& r) { return r.name == name; });
    if (entry == info_.records.end()) {
      missing.push_back(name);
    } else {
      found.push_back(*entry);
    }
  }
  if (!missing.empty()) {
    fail("{}: record{} {} {} not in the store, which has {}", folder_.string(),
         missing.size() > 1 ? "s" : "", fmt::join(missing, ", "), missing.size() > 1 ? "are" : "is",
         fmt::join(record_names(), ", "));
  }
  return found;
}

const StoreRecord& Store::entry(const std::string& record) const {
  const auto entry = std::find_if(info_.records.begin(), info_.records.end(),
                                  [&](const StoreRecord& r) { return r.name == record; });
  if (entry == info_.records.end()) find({record});  // fails, and says what there is
  return *entry;
}

RecordBeats Store::read(const std::string& record, std::optional<Moments>* moments) const {
  const StoreRecord& expected = entry(record);
  const fs::path path = record_path(folder_, record);
  const hdf5::File file = open_record(path, expected, info_.version);
  RecordBeats beats = beats_of(file, path.string(), expected);
  if (moments != nullptr) *moments = moments_of(file, path.string(), expected, unit_);
  if (unit_ == BeatUnit::waves && file.has_attribute("/", wave_leads_name)) {
    beats.waves = waves_of(file, path.string(), expected);
  }
  measure_in(unit_, beats);
  beats.waves = {};
  return beats;
}

void Store::read_all(const std::vector<std::string>& records, const Take& take) const {
  struct Item {
    RecordBeats beats;
    std::optional<Moments> moments;
  };
  // What is not taken yet stays a small part of all.
  const auto most = 2 * static_cast<std::size_t>(thread_count());
  for (std::size_t first = 0; first < records.size(); first += most) {
    std::vector<Item> items(std::min(most, records.size() - first));
    for_each_item(std::ssize(items), [&](std::int64_t i, const Cpu&) {
      Item& item = items[static_cast<std::size_t>(i)];
      item.beats = read(records[first + static_cast<std::size_t>(i)], &item.moments);
    });
    for (Item& item : items) take(std::move(item.beats), item.moments);
  }
}

std::vector<RecordBeats> Store::read_all(const std::vector<std::string>& records) const {
  std::vector<RecordBeats> all;
  read_all(records, [&](RecordBeats&& beats, const std::optional<Moments>&) {
    all.push_back(std::move(beats));
  });
  return all;
}

fs::path Store::path_of(const std::string& record) const {
  return record_path(folder_, record);
}

std::string Store::checksum(const StoreRecord& record) const {
  return record.seal.empty() ? sha256_of_file(path_of(record.name)) : record.seal;
}

std::int64_t Store::file_bytes(const std::string& record) const {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path_of(record), error);
  return error ? 0 : static_cast<std::int64_t>(bytes);
}

std::string Store::fingerprint(const Split& split) const {
  Sha256 sum;
  const auto add = [&sum](const auto& values) {
    sum.update({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0])});
  };
  add(label_map_in_file_);
  for (const auto* names : {&split.train, &split.validation, &split.test}) {
    add(std::string_view("\n"));  // the next role
    for (const StoreRecord& record : find(*names)) {
      add(fmt::format("\n{} {} {}", record.name, record.beats(), record.seal));
      if (!record.seal.empty()) continue;
      const fs::path path = record_path(folder_, record.name);
      const RecordBeats data =
          beats_of(open_record(path, record, info_.version), path.string(), record);
      add(data.beats);
      add(data.labels);
      add(data.r_samples);
    }
  }
  return sum.hex();
}

std::vector<std::int32_t> Store::read_labels(const std::string& record,
                                             std::optional<Moments>* moments) const {
  const StoreRecord& expected = entry(record);
  const fs::path path = record_path(folder_, record);
  const hdf5::File file = open_record(path, expected, info_.version);
  if (moments != nullptr) *moments = moments_of(file, path.string(), expected, unit_);
  return read_labels_of(file, path.string(), expected);
}

std::vector<float> Store::read_scalograms(const std::string& record, std::int64_t first,
                                          std::int64_t count) const {
  const StoreRecord& expected = entry(record);
  if (!info_.scalograms) {
    fail("{}: was written without scalograms; preprocess the records again, with them",
         folder_.string());
  }
  const fs::path path = record_path(folder_, record);
  const hdf5::File file = open_record(path, expected, info_.version);
  const std::int64_t shape[] = {expected.beats(), scalogram_scales, beat_samples};
  std::vector<float> values = file.read<float>("scalograms", shape, hdf5::Rows{first, count});
  check_finite(path.string() + ":scalograms", values, first, scalogram_scales * beat_samples);
  return values;
}

BeatWaves Store::read_waves(const std::string& record) const {
  const StoreRecord& expected = entry(record);
  const fs::path path = record_path(folder_, record);
  const hdf5::File file = open_record(path, expected, info_.version);
  if (!file.has_attribute("/", wave_leads_name)) {
    fail("{}: has no waves of its beats; run 'ekgine preprocess' again", path.string());
  }
  return waves_of(file, path.string(), expected);
}

StoreWriter::StoreWriter(const fs::path& folder)
    : folder_(behind_links(folder)), partial_(folder_) {
  partial_ += ".partial";
  require_store_or_nothing(folder_);
  require_store_or_nothing(partial_);
  make_locked_partial();
  try {
    // Looked for with the other lock held: until then another process may have made it.
    require_store_or_nothing(folder_);
    if (fs::exists(folder_)) old_lock_.emplace(folder_);
    for (const fs::directory_entry& left : fs::directory_iterator(partial_)) {
      if (left.path().filename() != lock_file_name) fs::remove(left);
    }
    temporary_.emplace(partial_, &partial_lock_);
  } catch (...) {
    partial_lock_.reset();
    ::rmdir(partial_.c_str());
    throw;
  }
}

void StoreWriter::make_locked_partial() {
  for (;;) {
    const bool made = !fs::exists(partial_);
    make_directory(partial_);
    try {
      partial_lock_.emplace(partial_);
      return;
    } catch (const InUse&) {
      throw InUse(folder_);
    } catch (const Error&) {
      if (!fs::exists(partial_)) continue;  // another process has just removed its own
      if (made) ::rmdir(partial_.c_str());
      throw;
    }
  }
}

void StoreWriter::add(const RecordBeats& record, const std::vector<float>& scalograms,
                      const std::optional<Moments>& deviation_moments) {
  if (record.unit != stored_unit) {
    fail("record {}: the beats' amplitude is {}, a store holds them in {}", record.name,
         beat_unit_name(record.unit), beat_unit_name(stored_unit));
  }
  const std::int64_t n = record.size();
  AtomicFile atomic(record_path(partial_, record.name));
  hdf5::File file = hdf5::File::create(atomic.temporary_path());
  file.write_integer("/", "version", store_version);
  file.write_text("/", "record", record.name);
  file.write_text("/", "lead", record.lead);
  file.write_number("/", "sampling_frequency", beat_frequency);
  if (record.frequency != beat_frequency) {
    file.write_number("/", record_frequency, record.frequency);
  }
  const std::int64_t beats_shape[] = {n, beat_samples};
  file.write<float>("beats", record.beats, beats_shape);
  file.write_text("beats", "units", beat_unit_name(stored_unit));
  const std::int64_t shape[] = {n};
  file.write<std::int32_t>("labels", record.labels, shape);
  const std::vector<std::int8_t> symbols(record.symbols.begin(), record.symbols.end());
  file.write<std::int8_t>("symbols", symbols, shape);
  file.write<std::int64_t>("r_samples", record.r_samples, shape);
  write_features(file, record);
  if (!scalograms.empty()) {
    const std::int64_t scalograms_shape[] = {n, scalogram_scales, beat_samples};
    file.write<float>("scalograms", scalograms, scalograms_shape);
  }
  if (deviation_moments) {
    file.write_text("/", moments_amplitude, beat_unit_name(BeatUnit::deviation));
    const Moments& moments = *deviation_moments;
    std::vector<double> values(moments.mean.begin(), moments.mean.end());
    values.insert(values.end(), moments.squares.begin(), moments.squares.end());
    const std::int64_t moments_shape[] = {2, beat_samples};
    file.write<double>("moments", values, moments_shape);
  }
  file.close();
  atomic.commit();
  const std::lock_guard lock(mutex_);
  labels_[record.name] = record.labels;
  seals_[record.name] = file.seal();
}

void StoreWriter::add_from(const Store& other, const std::string& record) {
  std::vector<std::int32_t> labels = other.read_labels(record);  // and compares the seal
  write_file(record_path(partial_, record), read_file(other.path_of(record)));
  const std::lock_guard lock(mutex_);
  labels_[record] = std::move(labels);
  seals_[record] = other.find({record}).front().seal;
}

std::string StoreWriter::beat_list() const {
  std::string text = "[";
  for (const auto& [name, labels] : labels_) {
    const std::string quoted = json_text(name);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      fmt::format_to(std::back_inserter(text),
                     "{}{{\"record_name\": {}, \"beat_index\": {}, \"label\": {}}}",
                     text.size() == 1 ? "\n" : ",\n", quoted, i, labels[i]);
    }
  }
  return text + "\n]\n";
}

void StoreWriter::commit(const StoreInfo& info) {
  Json json = Json::object();
  json["format"] = format_name;
  json["version"] = store_version;
  json["tool"] = info.tool;
  json["source"] = info.source;
  json["label_map"] = info.label_map;
  json["classes"] = std::vector<std::string>(class_names.begin(), class_names.end());
  json["sampling_frequency"] = beat_frequency;
  json["beat_samples"] = beat_samples;
  json["units"] = beat_unit_name(stored_unit);
  // Not where it is what programs that know no marks take for granted.
  if (info.marks != BeatMarks::annotated) json["marks"] = choice_name(info.marks);
  if (info.inverted) json["inverted"] = true;
  json["scalograms"] = info.scalograms;
  // One key, and one record, a line: for people too.
  std::string text = "{\n";
  for (const auto& [key, value] : json.items())
    text += fmt::format("  \"{}\": {},\n", key, json_text(value));
  text += "  \"records\": [";
  for (const StoreRecord& record : info.records) {
    text +=
        fmt::format("{}\n    {}", &record == info.records.data() ? "" : ",",
                    json_text({{"name", record.name},
                               {"beats", record.beats()},
                               {"counts", std::vector(record.counts.begin(), record.counts.end())},
                               {"sha256", seals_.at(record.name)}}));
  }
  text += fmt::format("\n  ],\n  \"sha256\": \"{}\"\n}}\n", blank_seal);
  seal_json_text(text);
  if (info.scalograms) write_file(partial_ / beat_list_name, beat_list());
  write_file(partial_ / description_name, text);

  fs::path old;
  if (old_lock_) {
    old = replace_old();
  } else if (!rename_to_nothing(partial_, folder_)) {
    fail("{}: cannot create: {}", folder_.string(), std::strerror(errno));
  }
  temporary_->keep();
  sync_directory(parent_of(folder_));
  if (old_lock_) remove_flat_folder(old.c_str(), &old_lock_);
}

fs::path StoreWriter::replace_old() {
  // The old store and the new change places in one step where the file system can do that, so that
  // there is a whole store at any moment.
  if (::renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, folder_.c_str(), RENAME_EXCHANGE) == 0) {
    return partial_;
  }
  fs::path old = folder_;
  old += ".old.partial";
  require_store_or_nothing(old);
  remove_flat_folder(old.c_str());  // left by a kill
  if (::rename(folder_.c_str(), old.c_str()) != 0) {
    fail("{}: cannot replace: {}", folder_.string(), std::strerror(errno));
  }
  if (::rename(partial_.c_str(), folder_.c_str()) != 0) {
    const int error = errno;
    ::rename(old.c_str(), folder_.c_str());
    fail("{}: cannot replace: {}", folder_.string(), std::strerror(error));
  }
  return old;
}

}  // namespace ekgine
