#include "data/store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>

#include "base/atomic_file.h"
#include "base/hdf5.h"
#include "base/json_file.h"
#include "base/seal.h"
#include "data/dataset.h"
#include "data/scalogram.h"
#include "tests/cases/random.h"
#include "tests/support/beats.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/flips.h"
#include "tests/support/store_seal.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::write_bytes;
using Shape = std::vector<std::int64_t>;

RecordBeats make_record(const std::string& name, std::int64_t n, std::uint64_t seed) {
  testing::Random random(seed);
  RecordBeats record;
  record.name = name;
  record.lead = "MLII";
  record.frequency = n % 2 == 0 ? 360 : 250;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t t = 0; t < beat_samples; ++t) {
      record.beats.push_back(static_cast<float>(random.uniform(-2, 2)));
    }
    record.labels.push_back(static_cast<std::int32_t>(random.integer(0, 4)));
    record.symbols.push_back("NSVFQ"[record.labels.back()]);
    record.r_samples.push_back(100 + 300 * i);
  }
  testing::add_features(record, seed);
  return record;
}

StoreRecord entry_of(const RecordBeats& record) {
  StoreRecord entry;
  entry.name = record.name;
  for (const std::int32_t label : record.labels) ++entry.counts[static_cast<std::size_t>(label)];
  return entry;
}

void expect_equal(const RecordBeats& a, const RecordBeats& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.lead, b.lead);
  EXPECT_EQ(a.beats, b.beats);
  EXPECT_EQ(a.unit, b.unit);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.symbols, b.symbols);
  EXPECT_EQ(a.r_samples, b.r_samples);
  EXPECT_EQ(a.frequency, b.frequency);
  EXPECT_EQ(a.features, b.features);
}

class StoreFolder : public ::testing::Test {
 protected:
  StoreFolder() { write_store(); }

  void write_store() const {
    StoreWriter writer(path_);
    StoreInfo info{"reference", "somewhere", "ekgine test", false, {}};
    for (const RecordBeats& record : records_) {
      writer.add(record);
      info.records.push_back(entry_of(record));
    }
    writer.commit(info);
  }

  // Rewrites the file of record 100 with one thing changed.
  void rewrite(const std::function<void(RecordBeats&)>& change,
               const std::string& without = {}) const {
    RecordBeats record = records_[0];
    change(record);
    const auto n = std::ssize(record.labels);
    hdf5::File file = hdf5::File::create(path_ / "100.h5");
    file.write_integer("/", "version", version_);
    file.write_text("/", "record", record.name);
    file.write_text("/", "lead", "MLII");
    if (without != "beats") {
      file.write<float>("beats", record.beats,
                        Shape{std::ssize(record.beats) / beat_samples, beat_samples});
    }
    if (without != "labels") file.write<std::int32_t>("labels", record.labels, Shape{n});
    const std::vector<std::int8_t> symbols(record.symbols.begin(), record.symbols.end());
    if (without != "symbols") {
      file.write<std::int8_t>("symbols", symbols, Shape{std::ssize(symbols)});
    }
    if (without != "r_samples") {
      file.write<std::int64_t>("r_samples", record.r_samples, Shape{std::ssize(record.r_samples)});
    }
    if (version_ >= 4) {
      file.write_integer("/", "wave_leads", record.waves.leads);
      if (without != "features") {
        file.write<float>("features", record.features,
                          Shape{std::ssize(record.features) / beat_features, beat_features});
      }
      if (without != "waves") {
        file.write<float>("waves", record.waves.samples,
                          Shape{record.waves.size(), wave_leads, wave_samples});
      }
    }
    file.close();
    if (fs::exists(path_ / "store.json")) testing::list_record_file(path_, "100");
  }

  // Replaces `from` in store.json, and seals it anew.
  void edit_description(const std::string& from, const std::string& to) const {
    std::string text = read_file(path_ / "store.json");
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from << " in " << text;
    text.replace(at, from.size(), to);
    if (const std::size_t seal = text.rfind("\"sha256\": \""); seal != std::string::npos) {
      set_seal(text, seal + std::strlen("\"sha256\": \""));
    }
    write_bytes(path_ / "store.json", text);
  }

  // Makes of it a store of version 2, which had no seals.
  void remove_seals() const {
    Json json = read_json(path_ / "store.json", Sealed::required);
    json["version"] = 2;
    for (Json& entry : json["records"]) entry.erase("sha256");
    write_bytes(path_ / "store.json", json.dump());
    for (const RecordBeats& record : records_) {
      const std::string path = path_ / (record.name + ".h5");
      const std::string content = read_file(path);
      // Without the user block, and of version 2.
      write_bytes(path, content.substr(content.find("\x89HDF")));
    }
  }

  // As stores before version 4 have it.
  static RecordBeats without_features(RecordBeats record) {
    record.features = {};
    record.waves = {};
    return record;
  }

  std::string name(const std::string& file) const { return (path_ / file).string(); }

  TemporaryDirectory folder_;
  const fs::path path_ = folder_ / "store";
  const std::vector<RecordBeats> records_ = {make_record("100", 20, 1), make_record("x-2", 5, 2)};
  std::int64_t version_ = store_version;
};

TEST_F(StoreFolder, GivesBackWhatWasWritten) {
  const Store store(path_);
  EXPECT_EQ(store.info().label_map, "reference");
  EXPECT_EQ(store.info().source, "somewhere");
  EXPECT_EQ(store.info().tool, "ekgine test");
  EXPECT_FALSE(store.info().scalograms);
  EXPECT_EQ(store.record_names(), (std::vector<std::string>{"100", "x-2"}));
  for (const RecordBeats& record : records_) {
    expect_equal(store.read(record.name), record);
    EXPECT_EQ(store.read_labels(record.name), record.labels);
    EXPECT_EQ(store.read(record.name).waves.size(), 0) << "they are read alone";
    const BeatWaves waves = store.read_waves(record.name);
    EXPECT_EQ(waves.leads, record.waves.leads);
    EXPECT_EQ(waves.samples, record.waves.samples);
  }
  EXPECT_EQ(store.info().records[0].counts, entry_of(records_[0]).counts);
  EXPECT_EQ(store.info().records[0].beats(), 20);
  EXPECT_FALSE(fs::exists(folder_ / "store.partial"));
}

TEST_F(StoreFolder, BeatsAreReadInTheUnitAskedFor) {
  RecordBeats expected = records_.front();
  expect_equal(Store(path_).read(expected.name), expected);
  measure_in(BeatUnit::record, expected);
  const Store store(path_, BeatUnit::record);
  EXPECT_EQ(store.unit(), BeatUnit::record);
  expect_equal(store.read(expected.name), expected);
  // And stored in mV alone, as the file says.
  StoreWriter writer(folder_ / "other");
  EXPECT_ERROR(writer.add(expected),
               "record 100: the beats' amplitude is record, a store holds them in mV");
}

TEST_F(StoreFolder, HoldsScalograms) {
  std::vector<float> scalograms(static_cast<std::size_t>(5 * scalogram_size));
  testing::Random random(3);
  for (float& value : scalograms) value = static_cast<float>(random.uniform());
  {
    StoreWriter writer(path_);
    writer.add(records_[1], scalograms);
    writer.commit({"reference", "", "", true, {entry_of(records_[1])}});
  }
  const Store store(path_);
  EXPECT_EQ(store.read_scalograms("x-2", 0, 5), scalograms);
  EXPECT_EQ(store.read_scalograms("x-2", 3, 2),
            std::vector<float>(scalograms.begin() + 3 * scalogram_size, scalograms.end()));
  EXPECT_ERROR(store.read_scalograms("x-2", 4, 2), "2 rows from 4 on are not among its 5");
  scalograms[3 * scalogram_size + 7] = std::numeric_limits<float>::infinity();
  {
    StoreWriter writer(path_);
    writer.add(records_[1], scalograms);
    writer.commit({"reference", "", "", true, {entry_of(records_[1])}});
  }
  EXPECT_ERROR(Store(path_).read_scalograms("x-2", 0, 5),
               "x-2.h5:scalograms: beat 3, value 7 is inf, expected a finite number");
  EXPECT_ERROR(Store(path_).read_scalograms("x-2", 2, 3),
               "x-2.h5:scalograms: beat 3, value 7 is inf, expected a finite number");
  write_store();
  EXPECT_ERROR(Store(path_).read_scalograms("x-2", 0, 5),
               "store: was written without scalograms; preprocess the records again, with them");
}

// What the reference's next stage reads beside the scalograms.
TEST_F(StoreFolder, ListsItsBeatsBesideTheScalograms) {
  EXPECT_FALSE(fs::exists(path_ / "metadata.json"));
  {
    StoreWriter writer(path_);
    StoreInfo info{"reference", "", "", true, {}};
    for (const std::size_t i : {1, 0}) {  // the list is in the order of names
      const RecordBeats& record = records_[i];
      writer.add(record, std::vector<float>(record.size() * scalogram_size));
      info.records.push_back(entry_of(record));
    }
    writer.commit(info);
  }
  Json expected = Json::array();
  for (const RecordBeats& record : records_) {
    for (std::int64_t i = 0; i < record.size(); ++i) {
      expected.push_back(
          {{"record_name", record.name}, {"beat_index", i}, {"label", record.labels[i]}});
    }
  }
  const std::string text = read_file(path_ / "metadata.json");
  EXPECT_EQ(parse_json(text), expected);
  EXPECT_EQ(std::ranges::count(text, '\n'), 2 + std::ssize(expected)) << "an object per line";
  EXPECT_EQ(Store(path_).record_names(), (std::vector<std::string>{"x-2", "100"}));
  // A store without scalograms has none, not even the one before it.
  write_store();
  EXPECT_FALSE(fs::exists(path_ / "metadata.json"));
}

TEST_F(StoreFolder, KnowsThoseOfAnEarlierVersion) {
  const std::string description = read_file(path_ / "store.json");
  fs::remove(path_ / "store.json");
  write_bytes(path_ / "metadata.json", description);
  EXPECT_ERROR(Store{path_}, path_.string() +
                                 ": was written by an earlier version; run 'ekgine preprocess' "
                                 "again");
  // The list of beats is no description, nor is a file of someone else.
  for (const char* other : {"[]", "[", "{}", R"({"format": 1})", ""}) {
    write_bytes(path_ / "metadata.json", other);
    EXPECT_ERROR(Store{path_}, path_.string() + ": is not a store: store.json is missing");
  }
  write_bytes(path_ / "metadata.json", description);
  write_store();  // which may replace it
  EXPECT_EQ(Store(path_).record_names(), (std::vector<std::string>{"100", "x-2"}));
}

TEST_F(StoreFolder, NamesRecordsThatDoNotExist) {
  const Store store(path_);
  EXPECT_EQ(store.find({"x-2"}).at(0).beats(), 5);
  EXPECT_ERROR(store.find({"100", "7", "8"}),
               path_.string() + ": records 7, 8 are not in the store, which has 100, x-2");
  EXPECT_ERROR(store.read("7"), path_.string() + ": record 7 is not in the store, which has");
}

TEST_F(StoreFolder, RefusesADamagedDescription) {
  const std::string whole = read_file(path_ / "store.json");
  const auto refuses = [&](const std::string& from, const std::string& to,
                           const std::string& expected) {
    write_bytes(path_ / "store.json", whole);
    edit_description(from, to);
    EXPECT_ERROR(Store{path_}, name("store.json") + expected);
  };
  refuses("\"version\": 4", "\"version\": 5",
          ": is of store version 5, expected 4; run 'ekgine preprocess' again");
  refuses("\"version\": 4", "\"version\": 1",
          ": is of store version 1, expected 4; run 'ekgine preprocess' again");
  refuses("\"version\": 4", "\"version\": \"4\"", ": 'version' is not an integer");
  refuses("\"version\": 4", "\"version\": 4.0", ": 'version' is not an integer");
  refuses("ekgine store", "another store", ": the format is 'another store', expected 'ekgine");
  refuses("\"format\"", "\"form\"", ": 'format' is missing");
  refuses("\"label_map\"", "\"labels\"", ": 'labels' is not known");
  refuses("\"label_map\"", "\"tool\"", ": 'tool' is given twice");
  refuses("\"scalograms\": false", "\"scalograms\": 0", ": 'scalograms' is not true or false");
  refuses("\"records\": [", "\"records\": 1, \"units\": [", ": 'units' is given twice");
  refuses("\"records\": [", "\"records\": [[],", ": 'name' is missing");
  refuses("\"counts\":[", "\"counts\":[-1, 1, 1, 1, 1], \"x\":[", ": record 100: 'x' is not known");
  refuses("\"counts\":[", "\"counts\":[1, ", ": 'counts' of record 100 are not 5 counts");
  refuses("\"x-2\"", "\"100\"", ": record 100 is listed twice");
  refuses("\"name\":\"100\"", "\"name\":100", ": 'name' is not a text");
  for (const char* evil : {"..", "../evil", "/tmp/evil", "a\\u0000b", ""}) {
    refuses("\"name\":\"100\"", fmt::format("\"name\":\"{}\"", evil), ": ");
  }
  refuses("\"beats\":20", "\"beats\":21", ": record 100: 'beats' is not the sum of 'counts'");
  for (std::size_t size = 0; size + 2 < whole.size(); ++size) {
    write_bytes(path_ / "store.json", std::string_view(whole).substr(0, size));
    EXPECT_ERROR(Store{path_}, name("store.json") + ": not JSON: it ends too early, after ");
  }
  fs::remove(path_ / "store.json");
  EXPECT_ERROR(Store{path_}, path_.string() + ": is not a store: store.json is missing");
  EXPECT_ERROR(Store{folder_ / "absent"}, "absent: the store does not exist");
}

TEST_F(StoreFolder, RefusesDamagedRecords) {
  const auto refuses = [&](const std::function<void(RecordBeats&)>& change,
                           const std::string& expected, const std::string& without = {}) {
    rewrite(change, without);
    EXPECT_ERROR(Store(path_).read("100"), name("100.h5") + expected);
  };
  const auto nothing = [](RecordBeats&) {};
  rewrite(nothing);
  expect_equal(Store(path_).read("100"), records_[0]);
  for (const char* dataset : {"beats", "labels", "symbols", "r_samples", "features"}) {
    refuses(nothing, fmt::format(":{}: the dataset is missing", dataset), dataset);
  }
  refuses([](RecordBeats& r) { r.beats.resize(19 * 187); },
          ":beats: the shape is (19, 187), expected (20, 187)");
  refuses([](RecordBeats& r) { r.symbols.pop_back(); },
          ":symbols: the shape is (19), expected (20)");
  refuses([](RecordBeats& r) { r.r_samples.push_back(9999); },
          ":r_samples: the shape is (21), expected (20)");
  refuses([](RecordBeats& r) { r.labels.pop_back(); }, ":labels: the shape is (19), expected (20)");
  refuses([](RecordBeats& r) { r.labels[3] = 5; }, ":labels: beat 3 has label 5, expected 0 to 4");
  refuses([](RecordBeats& r) { r.labels[3] = -1; }, ":labels: beat 3 has label -1");
  refuses([](RecordBeats& r) { r.labels[0] = (r.labels[0] + 1) % 5; },
          ":labels: the counts per class (");
  refuses([](RecordBeats& r) { r.beats[4 * 187 + 5] = std::numeric_limits<float>::quiet_NaN(); },
          ":beats: beat 4, value 5 is nan, expected a finite number");
  refuses([](RecordBeats& r) { r.beats[19 * 187 + 186] = -std::numeric_limits<float>::infinity(); },
          ":beats: beat 19, value 186 is -inf, expected a finite number");
  refuses([](RecordBeats& r) { r.features.resize(19 * 48); },
          ":features: the shape is (19, 48), expected (20, 48)");
  refuses([](RecordBeats& r) { r.features[4 * 48 + 47] = std::numeric_limits<float>::quiet_NaN(); },
          ":features: beat 4, value 47 is nan, expected a finite number");
  refuses([](RecordBeats& r) { std::swap(r.r_samples[4], r.r_samples[5]); },
          ":r_samples: beat 5 comes before the one before it");
  refuses([](RecordBeats& r) { r.name = "101"; }, ": holds record 101, expected 100");
  version_ = 7;
  refuses(nothing, ": is of store version 7, expected 4");
  fs::remove(path_ / "100.h5");
  EXPECT_ERROR(Store(path_).read("100"), name("100.h5") + ": does not exist");
}

TEST_F(StoreFolder, RefusesDamagedWaves) {
  const auto refuses = [&](const std::function<void(RecordBeats&)>& change,
                           const std::string& expected, const std::string& without = {}) {
    rewrite(change, without);
    EXPECT_ERROR(Store(path_).read_waves("100"), name("100.h5") + expected);
  };
  const auto nothing = [](RecordBeats&) {};
  rewrite(nothing);
  EXPECT_EQ(Store(path_).read_waves("100").samples, records_[0].waves.samples);
  const RecordBeats rows = Store(path_, BeatUnit::waves).read("100");
  EXPECT_EQ(rows.unit, BeatUnit::waves);
  EXPECT_EQ(rows.beats, feature_rows(records_[0].features, records_[0].waves));
  refuses(nothing, ":waves: the dataset is missing", "waves");
  refuses([](RecordBeats& r) { r.waves.samples.resize(19 * 192); },
          ":waves: the shape is (19, 2, 96), expected (20, 2, 96)");
  refuses(
      [](RecordBeats& r) {
        r.waves.samples[3 * 192 + 100] = std::numeric_limits<float>::infinity();
      },
      ":waves: beat 3, value 100 is inf, expected a finite number");
  for (const std::int64_t leads : {0, 3, -1}) {
    refuses([&](RecordBeats& r) { r.waves.leads = leads; },
            fmt::format(": wave_leads is {}, expected 1 or 2", leads));
  }
  EXPECT_ERROR(Store(path_).read_waves("7"), "record 7 is not in the store, which has");
}

// A writer that knows none: another program's beats, or a test's.
TEST_F(StoreFolder, TakesRecordsWithoutFeatures) {
  const RecordBeats plain = without_features(records_[1]);
  StoreWriter writer(path_);
  writer.add(plain);
  writer.commit({"reference", "", "", false, {entry_of(plain)}});
  const Store store(path_);
  expect_equal(store.read("x-2"), plain);
  EXPECT_ERROR(store.read_waves("x-2"),
               name("x-2.h5") + ": has no waves of its beats; run 'ekgine preprocess' again");
}

TEST_F(StoreFolder, RefusesClaimsBeforeAnythingIsAllocated) {
  const auto claims = [&](const char* counts) {
    write_store();
    Json json = read_json(path_ / "store.json", Sealed::required);
    json["records"][0]["counts"] = parse_json(counts);
    json["records"][0].erase("beats");
    write_bytes(path_ / "store.json", sealed_json(json));
  };
  for (const char* counts :
       {"[1000000000000000000, 0, 0, 0, 0]", "[9223372036854775807, 9223372036854775807, 0, 0, 0]",
        "[18446744073709551615, 0, 0, 0, 0]", "[1e30, 0, 0, 0, 0]", "[true, 1, 1, 1, 1]"}) {
    claims(counts);
    EXPECT_ERROR(Store{path_}, name("store.json") + ": ");
  }
  claims("[2000000000, 0, 0, 0, 0]");  // 1.5 TB of beats
  EXPECT_ERROR((MemoryDataset{Store(path_), {"100"}, 3}), "expected (2000000000");
}

TEST_F(StoreFolder, RefusesEveryFlippedBit) {
  testing::expect_flips_refused(path_ / "store.json", 200, [&] { Store{path_}; });
  const Store store(path_);
  testing::expect_flips_refused(path_ / "100.h5", 200,
                                [&] { static_cast<void>(store.read("100")); });
}

TEST_F(StoreFolder, NoticesAnExchangedRecordFile) {
  RecordBeats other = records_[0];
  other.beats[5] += 0.25F;
  {
    StoreWriter writer(folder_ / "other");
    writer.add(other);
    writer.commit({"reference", "", "", false, {entry_of(other)}});
  }
  fs::copy_file(folder_ / "other/100.h5", path_ / "100.h5", fs::copy_options::overwrite_existing);
  EXPECT_ERROR(Store(path_).read("100"),
               name("100.h5") + ": is not the file that store.json lists: its checksum is another");
}

TEST_F(StoreFolder, FingerprintsAreOfAllThatRecordsHold) {
  const auto print = [&](const Split& split) { return Store(path_).fingerprint(split); };
  const Split split{{"100"}, {"x-2"}, {}};
  const std::string first = print(split);
  EXPECT_EQ(print(split), first);
  EXPECT_NE(print({{"100"}, {}, {"x-2"}}), first) << "who validates and who tests";
  EXPECT_NE(print({{"100", "x-2"}, {}, {}}), first);
  write_store();
  EXPECT_EQ(print(split), first) << "the same store, written again";
  edit_description("\"label_map\": \"reference\"", "\"label_map\": \"seed\"");
  EXPECT_EQ(Store(path_).info().label_map, "reference") << "its name today";
  EXPECT_NE(print(split), first) << "prints of that time stay";
  write_store();
  edit_description("\"label_map\": \"reference\"", "\"label_map\": \"ec57\"");
  EXPECT_NE(print(split), first);
  write_store();
  rewrite([](RecordBeats& r) { r.beats[7] += 1; });
  EXPECT_NE(print(split), first);
  // Without seals it is of the data themselves.
  version_ = 2;
  const auto nothing = [](RecordBeats&) {};
  rewrite(nothing);
  const auto unsealed = [&](const std::function<void(RecordBeats&)>& change) {
    write_store();
    rewrite(change);
    remove_seals();
    return print({{"100"}, {}, {}});
  };
  const std::string data = unsealed(nothing);
  EXPECT_EQ(unsealed(nothing), data);
  EXPECT_NE(unsealed([](RecordBeats& r) { r.beats[7] += 1; }), data);
  EXPECT_NE(unsealed([](RecordBeats& r) { std::swap(r.labels[0], r.labels[1]); }), data);
  EXPECT_NE(unsealed([](RecordBeats& r) { r.r_samples[0] += 1; }), data);
}

TEST_F(StoreFolder, ThoseOfVersion2AreReadWithoutSeals) {
  version_ = 2;
  rewrite([](RecordBeats&) {});
  remove_seals();
  expect_equal(Store(path_).read("100"), without_features(records_[0]));
  EXPECT_ERROR(Store(path_).read_waves("100"), name("100.h5") + ": has no waves of its beats; run");
  // One of a later version whose seals are gone is damaged.
  for (int version = 3; version <= store_version; ++version) {
    edit_description(fmt::format("\"version\":{}", version - 1),
                     fmt::format("\"version\":{}", version));
    EXPECT_ERROR(Store{path_}, name("store.json") + ": record 100: 'sha256' is missing");
  }
}

TEST_F(StoreFolder, ThoseOfVersion3AreReadWithoutFeatures) {
  version_ = 3;
  rewrite([](RecordBeats&) {});
  edit_description("\"version\": 4", "\"version\": 3");
  const Store store(path_);
  expect_equal(store.read("100"), without_features(records_[0]));
  EXPECT_EQ(store.read_labels("100"), records_[0].labels);
  EXPECT_ERROR(store.read_waves("100"), name("100.h5") + ": has no waves of its beats; run");
  // Its seals hold as ever.
  testing::expect_flips_refused(path_ / "100.h5", 50,
                                [&] { static_cast<void>(store.read("100")); });
  EXPECT_ERROR(store.read("x-2"), name("x-2.h5") + ": is of store version 4, expected 3");
}

TEST_F(StoreFolder, GivesBackMomentsAndRefusesDamagedOnes) {
  Moments moments;
  for (std::size_t t = 0; t < beat_samples; ++t) {
    moments.mean[t] = 1 + 0.1 * static_cast<double>(t);
    moments.squares[t] = static_cast<double>(t);
  }
  const auto write = [&] {
    StoreWriter writer(path_);
    writer.add(records_[0], {}, moments);
    StoreInfo info{"reference", "somewhere", "ekgine test", false, {}};
    info.records.push_back(entry_of(records_[0]));
    writer.commit(info);
  };
  write();
  const auto read = [&](BeatUnit unit = BeatUnit::deviation) {
    std::optional<Moments> found;
    Store(path_, unit).read_labels("100", &found);
    return found;
  };
  ASSERT_TRUE(read());
  EXPECT_EQ(read()->count, 20 * 32);
  EXPECT_EQ(read()->mean, moments.mean);
  EXPECT_EQ(read()->squares, moments.squares);
  EXPECT_FALSE(read(BeatUnit::record));

  for (const double bad :
       {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    moments.squares[7] = bad;
    write();
    EXPECT_ERROR(read(), name("100.h5") +
                             ":moments: column 7 has the mean 1.7000000000000002 and "
                             "the squared deviations ");
  }
}

TEST_F(StoreFolder, RefusesEveryTruncatedRecord) {
  const std::string whole = read_file(path_ / "100.h5");
  const Store store(path_);
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    write_bytes(path_ / "100.h5", std::string_view(whole).substr(0, size));
    EXPECT_ERROR(store.read("100"), name("100.h5") + ": ");
  }
}

TEST_F(StoreFolder, IsUntouchedUntilTheNewOneIsWhole) {
  const auto still_there = [&] {
    EXPECT_FALSE(fs::exists(folder_ / "store.partial"));
    for (const RecordBeats& record : records_) expect_equal(Store(path_).read(record.name), record);
  };
  {
    StoreWriter writer(path_);
    writer.add(make_record("100", 3, 9));
  }
  still_there();
  {
    const testing::FileSizeLimit full(30000);  // less than a beat's 748 bytes by 100
    StoreWriter writer(path_);
    EXPECT_ERROR(writer.add(make_record("100", 100, 9)),
                 ::testing::AllOf(HasSubstr("store.partial/100.h5"), HasSubstr("File too large")));
  }
  still_there();
  {
    StoreWriter writer(path_);
    const RecordBeats record = make_record("7", 3, 9);
    writer.add(record);
    writer.commit({"ec57", "", "", false, {entry_of(record)}});
  }
  EXPECT_EQ(Store(path_).record_names(), std::vector<std::string>{"7"});
  EXPECT_FALSE(fs::exists(path_ / "100.h5"));
  EXPECT_FALSE(fs::exists(folder_ / "store.partial"));
}

TEST_F(StoreFolder, OverwritesWhatAKillLeft) {
  fs::create_directory(folder_ / "store.partial");
  write_bytes(folder_ / "store.partial/100.h5.partial", "half a file");
  write_store();
  EXPECT_FALSE(fs::exists(folder_ / "store.partial"));
  expect_equal(Store(path_).read("100"), records_[0]);
}

// Lock files are no part of a store, nor do they stay.
TEST_F(StoreFolder, IsLockedAndLeavesNoLock) {
  const auto lock_files = [&] {
    int found = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      found += entry.path().filename() == lock_file_name;
    }
    return found;
  };
  {
    StoreWriter writer(path_);
    EXPECT_EQ(lock_files(), 2) << "of the old store and the new";
    for (const RecordBeats& record : records_) writer.add(record);
    writer.commit({"reference", "", "", false, {entry_of(records_[0]), entry_of(records_[1])}});
    EXPECT_EQ(lock_files(), 1) << "of the new one, by its new name";
    expect_equal(Store(path_).read("100"), records_[0]);
  }
  EXPECT_EQ(lock_files(), 0);
  // Left by a kill: in the store, and in the one that was being written.
  fs::create_directory(folder_ / "store.partial");
  for (const char* name : {"store", "store.partial"}) {
    write_bytes(folder_ / name / lock_file_name, "");
  }
  expect_equal(Store(path_).read("100"), records_[0]);
  { const StoreWriter given_up(path_); }
  EXPECT_FALSE(fs::exists(folder_ / "store.partial"));
  expect_equal(Store(path_).read("100"), records_[0]);
  EXPECT_EQ(lock_files(), 0);
}

TEST_F(StoreFolder, NeverReplacesWhatIsNoStore) {
  write_bytes(path_ / "notes.txt", "mine");
  EXPECT_ERROR(StoreWriter{path_},
               path_.string() + ": holds notes.txt, which is no part of a store");
  EXPECT_EQ(read_file(path_ / "notes.txt"), "mine");
  fs::create_directories(folder_ / "other.partial/data");
  EXPECT_ERROR(StoreWriter{folder_ / "other"}, "other.partial: holds data, which is no part");
  write_bytes(folder_ / "file", "mine");
  EXPECT_ERROR(StoreWriter{folder_ / "file"}, "file: is a file, expected a folder for the store");
  // Not even root can make a folder there.
  EXPECT_ERROR(StoreWriter{"/proc/store"}, "/proc/store.partial: cannot create the folder: ");
}

TEST_F(StoreFolder, MakesItsParents) {
  StoreWriter writer(folder_ / "a/b/c/");
  writer.add(records_[1]);
  writer.commit({"reference", "", "", false, {entry_of(records_[1])}});
  EXPECT_EQ(Store(folder_ / "a/b/c").read("x-2").size(), 5);
}

}  // namespace
}  // namespace ekgine
