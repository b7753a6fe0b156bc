// The store: what `ekgine preprocess` makes of a database, and training reads.
//
// A folder with one HDF5 file per record and `store.json`, which says what they are and is written
// last; with scalograms also `metadata.json`, a list of all beats for other programs, which is not
// read here. docs/formats.md lists every dataset, attribute and key. Reading is strict: a store of
// another version, a missing or truncated file, datasets that are missing or disagree with each
// other or with store.json, and values that are no finite numbers are errors.
//
// All files are sealed (base/seal.h), and store.json holds the seal of every record's: one that is
// damaged, or another record file in its place, is an error. Stores of version 3 have no features
// and waves of beats, those of version 2 no seals, either; they are read all the same, and a notice
// says of the latter.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/beat.h"
#include "base/directory_lock.h"
#include "data/beat_unit.h"
#include "data/beats.h"
#include "data/labels.h"
#include "data/moments.h"
#include "data/splits.h"

namespace ekgine {

constexpr std::int64_t store_version = 4;

using ClassCounts = std::array<std::int64_t, class_count>;

struct StoreRecord {
  std::string name;
  ClassCounts counts{};  // beats per class
  std::string seal;      // of its file; empty in a store of version 2

  std::int64_t beats() const;
};

struct StoreInfo {
  std::string label_map;  // name of the map behind the labels
  std::string source;     // the database folder
  std::string tool;       // what wrote the store: "ekgine 0.1.0"
  bool scalograms = false;
  // In the order of the database's RECORDS. A writer finds out their seals itself.
  std::vector<StoreRecord> records;
  std::int64_t version = store_version;
  BeatMarks marks = BeatMarks::annotated;
  bool inverted = false;  // the leads were turned upside down
};

class Store {
 public:
  // Reads and checks store.json. Record files are opened when they are read; their beats, which are
  // stored in mV, are then measured in `unit`.
  explicit Store(std::filesystem::path folder, BeatUnit unit = BeatUnit::millivolts);

  const std::filesystem::path& folder() const { return folder_; }
  const StoreInfo& info() const { return info_; }
  BeatUnit unit() const { return unit_; }  // of the beats that are read
  std::vector<std::string> record_names() const;

  // Entries of info().records by name. Errors name all records that the store does not have.
  std::vector<StoreRecord> find(const std::vector<std::string>& names) const;

  // A file is read and compared with its seal as a whole, which takes most of the time: `moments`
  // gets, of the same reading, those of the scalograms of the record's beats as read() gives them,
  // where the store has them. Features are empty where it has none; waves are not read.
  RecordBeats read(const std::string& record, std::optional<Moments>* moments = nullptr) const;
  // Reads records on all threads, a few at a time; `take` is called by this thread for one after
  // another, in the order of `records`.
  using Take = std::function<void(RecordBeats&&, const std::optional<Moments>&)>;
  void read_all(const std::vector<std::string>& records, const Take& take) const;
  std::vector<RecordBeats> read_all(const std::vector<std::string>& records) const;
  // Where the record's file is.
  std::filesystem::path path_of(const std::string& record) const;
  // SHA-256 of all that the record's file is: its seal, or in a store of version 2 of its bytes.
  std::string checksum(const StoreRecord& record) const;
  // Size of the record's file; 0 where there is none.
  std::int64_t file_bytes(const std::string& record) const;

  // SHA-256 of the label map and of all that the records of `split` are: samples, labels,
  // positions, and who trains, validates and tests. Of a sealed store from its seals, of another
  // from its data.
  std::string fingerprint(const Split& split) const;

  // (n) labels alone.
  std::vector<std::int32_t> read_labels(const std::string& record,
                                        std::optional<Moments>* moments = nullptr) const;
  // Errors: the store has none of this record.
  BeatWaves read_waves(const std::string& record) const;
  // (count, 32, 187), of the beats from `first` on. Errors: the store was written without
  // scalograms; beats that the record does not have.
  std::vector<float> read_scalograms(const std::string& record, std::int64_t first,
                                     std::int64_t count) const;

 private:
  const StoreRecord& entry(const std::string& record) const;

  std::filesystem::path folder_;
  BeatUnit unit_;
  StoreInfo info_;
  std::string label_map_in_file_;  // fingerprints stay when a map is renamed
};

// Writes a store beside its final place (`FOLDER.partial`) and puts it there whole: until commit()
// a store of that name is untouched, and afterwards it is gone. Where `FOLDER` is a symbolic link,
// all that happens where it points. What is not committed goes with the writer. One process at a
// time writes a store: the others throw InUse.
class StoreWriter {
 public:
  // Errors: the place is not writable; `folder` exists and holds other things than a store, or is a
  // mount point; another process is at work there (InUse).
  explicit StoreWriter(const std::filesystem::path& folder);
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  // Writes one record, with its features and waves where they are known. `scalograms`: (n, 32, 187)
  // or empty. `deviation_moments`: of the scalograms when beats are measured in
  // BeatUnit::deviation. Any thread may call. Errors: the record's beats are not in mV.
  void add(const RecordBeats& record, const std::vector<float>& scalograms = {},
           const std::optional<Moments>& deviation_moments = {});

  // Adds the file of a record of another store, with its bytes. Errors: those of reading it.
  void add_from(const Store& other, const std::string& record);

  // Writes store.json, and metadata.json where there are scalograms; puts the store in its place.
  void commit(const StoreInfo& info);

 private:
  void make_locked_partial();
  // Puts the new store in the place of the old one, and returns where that is now.
  std::filesystem::path replace_old();
  // metadata.json: an object per beat, a line each, by record name and beat.
  std::string beat_list() const;

  std::filesystem::path folder_, partial_;
  // Of partial_, and of a store that is to be replaced: under the other's name it is still locked.
  std::optional<DirectoryLock> partial_lock_, old_lock_;
  std::optional<TemporaryFolder> temporary_;                 // partial_
  std::mutex mutex_;                                         // guards labels_ and seals_
  std::map<std::string, std::vector<std::int32_t>> labels_;  // of the records added
  std::map<std::string, std::string> seals_;                 // of their files
};

}  // namespace ekgine
