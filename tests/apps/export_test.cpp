#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>

#include "data/scalogram.h"
#include "kernels/runtime/reserved_workspace.h"
#include "tests/apps/program.h"
#include "tests/support/event_reader.h"
#include "tests/support/lock_holder.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Export : public SmallStore {
 protected:
  Arguments sequences() const {
    return {"export", "--data", store_, "--tfrecord", path("tfrecord")};
  }
  // Makes a run, whose predictions are of record 903.
  Arguments arrays() const {
    expect_success(ekgine(training(path("run")) + Arguments{"--test-records", "903"}));
    return {"export", "--predictions", path("run/predictions.h5"), "--npz", path("raw.npz")};
  }
};

TEST_F(Export, WritesSequences) {
  const ProcessResult result = ekgine(sequences() + Arguments{"--json"});
  expect_success(result);
  Json found = parse_json(result.out);
  EXPECT_GT(found.at("seconds").get<double>(), 0);
  found.erase("seconds");
  EXPECT_EQ(found, (Json{{"tfrecord",
                          {{"output", path("tfrecord")},
                           {"records", 3},
                           {"sequences", 20 + 16 + 12},
                           {"sequence_length", 3}}}}));
  EXPECT_THAT(content_of(path("tfrecord")),
              ElementsAre("901.tfrecord", "902.tfrecord", "903.tfrecord"));

  const RecordBeats record = Store(store_).read("902");
  ReservedWorkspace workspace(std::size_t{1} << 30);
  std::vector<float> scalograms(static_cast<std::size_t>(record.size() * scalogram_size));
  compute_scalograms({workspace}, record.beats, scalograms);
  const std::vector<std::string> records = read_tfrecords(read("tfrecord/902.tfrecord"));
  ASSERT_EQ(records.size(), 1u);
  const ReadExample example = read_example(records[0]);
  EXPECT_THAT(example.integers.at("num_in_batch"), ElementsAre(16));
  const std::string labels = example.bytes.at("labels_raw").at(0);
  ASSERT_EQ(labels.size(), 16 * sizeof(std::int32_t));
  EXPECT_EQ(std::memcmp(labels.data(), record.labels.data() + 2, labels.size()), 0);
  const std::string raw = example.bytes.at("sequences_raw").at(0);
  ASSERT_EQ(raw.size(), sizeof(float) * 16 * 3 * scalogram_size);
  float worst = 0;
  for (std::size_t i = 0; i < raw.size() / sizeof(float); ++i) {
    float value = 0;
    std::memcpy(&value, raw.data() + i * sizeof value, sizeof value);
    const std::size_t sequence = i / (3 * scalogram_size);
    worst = std::max(worst, std::abs(value - scalograms[i - sequence * 2 * scalogram_size]));
  }
  EXPECT_LE(worst, 1e-5F);

  const ProcessResult text =
      ekgine(sequences() + Arguments{"--records", "903", "--sequence-length", "14"});
  expect_success(text);
  EXPECT_EQ(text.out, "");
  EXPECT_THAT(text.err, HasSubstr(path("tfrecord") + ": 1 records, 1 sequences\n"));
  EXPECT_THAT(text.err, HasSubstr("exported in "));
}

TEST_F(Export, WritesArraysAndBothAtOnce) {
  const ProcessResult one = ekgine(arrays() + Arguments{"--json"});
  expect_success(one);
  const Json npz = {{"output", path("raw.npz")}, {"records", 1}, {"sequences", 12}};
  Json found = parse_json(one.out);
  EXPECT_EQ(found.at("npz"), npz);
  EXPECT_FALSE(found.contains("tfrecord"));
  const std::string first = read("raw.npz");
  EXPECT_TRUE(first.starts_with("PK"));
  fs::remove(path("raw.npz"));

  const ProcessResult both =
      ekgine(sequences() + Arguments{"--predictions", path("run/predictions.h5"), "--npz",
                                     path("raw.npz"), "--json"});
  expect_success(both);
  found = parse_json(both.out);
  EXPECT_EQ(found.at("npz"), npz);
  EXPECT_EQ(found.at("tfrecord").at("sequences"), 48);
  EXPECT_TRUE(read("raw.npz") == first);
  EXPECT_TRUE(fs::exists(path("tfrecord/901.tfrecord")));
}

TEST_F(Export, RefusesWrongUsage) {
  const struct {
    Arguments arguments;
    const char* text;
  } cases[] = {{{}, "nothing to export: give --data and --tfrecord, or --predictions and --npz"},
               {{"--tfrecord", path("new")}, "--tfrecord requires --data"},
               {{"--data", store_}, "--data requires --tfrecord"},
               {{"--npz", path("new")}, "--npz requires --predictions"},
               {{"--predictions", path("p.h5")}, "--predictions requires --npz"},
               {{"--predictions", path("p.h5"), "--npz", path("new"), "--records", "901"},
                "--records requires --tfrecord"},
               {{"--data", store_, "--tfrecord", path("new"), "--records", "901,902,901"},
                "--records: record 901 is named twice"},
               {{"--data", store_, "--tfrecord", path("new"), "--sequence-length", "0"},
                "--sequence-length"},
               {{"--data", store_, "--tfrecord", path("new"), "--sequence-length", "351"},
                "--sequence-length"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    expect_one_line(ekgine(Arguments{"export"} + c.arguments), 2, c.text);
    EXPECT_FALSE(fs::exists(path("new")));
  }
}

TEST_F(Export, RefusesWhatIsNotThere) {
  const auto refuses = [this](const Arguments& more, const std::string& text) {
    expect_one_line(ekgine(sequences() + more), 1, text);
    EXPECT_FALSE(fs::exists(path("tfrecord")));
  };
  refuses({"--data", path("none")}, path("none") + ": the store does not exist");
  refuses({"--records", "901,800,801"}, store_ + ": records 800, 801 are not in the store");
  refuses({"--sequence-length", "15"}, "record 903 has 14 beats, too few for sequences of 15");
  // Before the sequences, whose writing takes long.
  refuses({"--predictions", path("none.h5"), "--npz", path("raw.npz")},
          path("none.h5") + ": does not exist");
  write_bytes(path("text.h5"), "no predictions");
  refuses({"--predictions", path("text.h5"), "--npz", path("raw.npz")}, path("text.h5") + ": ");
  arrays();
  refuses({"--predictions", path("run/predictions.h5"), "--npz", path("none/raw.npz")},
          path("none/raw.npz") + ": the folder " + path("none") + " does not exist");
  write_bytes(path("store/902.h5"), "");
  refuses({}, store_ + "/902.h5");
  write_bytes(path("file"), "");
  refuses({"--tfrecord", path("file/a")}, path("file/a") + ": cannot create the folder");
}

TEST_F(Export, AFullDiskLeavesTheOldFiles) {
  const Arguments to_npz = arrays();
  expect_success(ekgine(to_npz));
  expect_success(ekgine(sequences()));
  const std::string npz = read("raw.npz"), record = read("tfrecord/903.tfrecord");
  const std::vector<std::string> files = content_of(folder_.path());
  const ProcessOptions full = {.directory = {}, .environment = {}, .file_size_limit = 512};
  expect_one_line(ekgine(to_npz, full), 1, path("raw.npz") + ": cannot write: File too large");
  expect_one_line(ekgine(sequences() + Arguments{"--sequence-length", "2"}, full), 1,
                  ".tfrecord: cannot write: File too large");
  EXPECT_TRUE(read("raw.npz") == npz);
  EXPECT_TRUE(read("tfrecord/903.tfrecord") == record);
  EXPECT_EQ(content_of(folder_.path()), files);
}

// ---- in parts

TEST_F(Export, PartsMakeTheWhole) {
  expect_success(ekgine(sequences() + Arguments{"--tfrecord", path("whole"), "--quiet"}));
  const Arguments all = sequences() + Arguments{"--threads", "1", "--quiet"};
  for (const char* status : {"done", "skipped"}) {
    std::map<std::string, int> sequences;
    for (const Json& line : lines_of_parts(all, 2)) {
      EXPECT_EQ(line.at("status"), status);
      EXPECT_GT(line.at("seconds").get<double>(), 0);
      sequences[line.at("record").text()] = line.at("sequences").get<int>();
    }
    EXPECT_EQ(sequences, (std::map<std::string, int>{{"901", 20}, {"902", 16}, {"903", 12}}));
  }
  expect_same_files(path("tfrecord"), path("whole"));
  const ProcessResult merged = ekgine(all + Arguments{"--merge", "--json"});
  expect_success(merged);
  EXPECT_EQ(parse_json(merged.out).at("tfrecord").at("sequences"), 48);
  EXPECT_EQ(parse_json(merged.out).at("tfrecord").at("records"), 3);
  expect_same_files(path("tfrecord"), path("whole"));
  EXPECT_FALSE(fs::exists(path("tfrecord.parts")));
}

TEST_F(Export, PartsSayWhatIsMissingAndWhatIsWrong) {
  const Arguments all = sequences() + Arguments{"--quiet"}, part = all + Arguments{"--shard"};
  expect_one_line(ekgine(all + Arguments{"--merge"}), 1, "tfrecord.parts: does not exist");
  expect_success(ekgine(part + Arguments{"1/2"}));
  const std::string missing = "are not done, or of other files or options: ";
  expect_one_line(ekgine(all + Arguments{"--merge"}), 1, "1 of 3 records " + missing + "902\n");
  expect_success(ekgine(part + Arguments{"2/2"}));
  expect_one_line(ekgine(all + Arguments{"--merge", "--sequence-length", "2"}), 1,
                  "3 of 3 records " + missing + "901, 902, 903\n");
  // Damaged, taken away, of another store: each is missing, and done again.
  const std::string whole = read("tfrecord/901.tfrecord");
  std::string damaged = whole;
  damaged[damaged.size() / 2] ^= 1;
  for (const int what : {0, 1, 2}) {
    if (what == 0) write_bytes(path("tfrecord/901.tfrecord"), damaged);
    if (what == 1) fs::remove(path("tfrecord/901.tfrecord"));
    if (what == 2) {
      write_wfdb_record(database_, random_record("901", 22, "NAVF/N", 8));
      expect_success(
          ekgine({"preprocess", "--database", database_, "--output", store_, "--quiet"}));
    }
    expect_one_line(ekgine(all + Arguments{"--merge"}), 1, "1 of 3 records " + missing + "901\n");
    const ProcessResult again = ekgine(part + Arguments{"1/1", "--json", "--threads", "1"});
    expect_success(again);
    EXPECT_EQ(parse_json(again.out).at("done_already"), 2);
    EXPECT_EQ(read("tfrecord/901.tfrecord") == whole, what < 2);
  }
  write_bytes(path("tfrecord.parts/902%part.json"), "{}");
  expect_one_line(ekgine(part + Arguments{"2/2"}), 1, "902%part.json: ");
  expect_one_line(ekgine(all + Arguments{"--merge"}), 1, "902%part.json: ");
  fs::remove(path("tfrecord.parts/902%part.json"));

  const Arguments short_ones = part + Arguments{"1/1", "--sequence-length", "15", "--json"};
  const std::string few = "record 903 has 14 beats, too few for sequences of 15\n";
  EXPECT_THAT(ekgine(short_ones).err, ::testing::EndsWith(few));
  const ProcessResult going = ekgine(short_ones + Arguments{"--keep-going"});
  expect_success(going);
  EXPECT_EQ(going.err, "ekgine: " + few);
  EXPECT_EQ(parse_json(going.out).at("failed"), Json::array({"903"}));
  EXPECT_EQ(parse_json(going.out).at("records"), 2);
}

TEST_F(Export, PartsSurviveKills) {
  expect_success(ekgine(sequences() + Arguments{"--tfrecord", path("whole"), "--quiet"}));
  const Arguments all = sequences() + Arguments{"--threads", "1", "--quiet"};
  for (const int seed : {1, 2, 3}) {
    SCOPED_TRACE(seed);
    expect_done_in_spite_of_kills(all + Arguments{"--shard", "1/1"}, seed);
    expect_success(ekgine(all + Arguments{"--merge"}));
    expect_same_files(path("tfrecord"), path("whole"));
    EXPECT_FALSE(fs::exists(path("tfrecord.parts")));
    fs::remove_all(path("tfrecord"));
  }
}

TEST_F(Export, PartsAreOneProcessesEach) {
  const Arguments all = sequences() + Arguments{"--quiet"},
                  part = all + Arguments{"--shard", "1/1"};
  expect_success(ekgine(part));
  {
    LockHolder other(path("tfrecord.parts"), DirectoryLock::Kind::shared);
    expect_success(ekgine(part));
    expect_one_line(ekgine(all + Arguments{"--merge"}), 1, "another process is at work there");
  }
  {
    const AtomicFile other(path("tfrecord.parts/901%part.json"));
    expect_one_line(ekgine(part), 1, "901%part.json: another process is at work there");
  }
  for (const char* flag : {"--merge", "--shard=1/1"}) {
    const Arguments npz = {"export", "--predictions", path("p.h5"), "--npz", path("new"), flag};
    expect_one_line(ekgine(npz), 2, flag[2] == 'm' ? "--merge" : "--shard");
    expect_one_line(ekgine(all + Arguments{flag, "--predictions", path("p.h5"), "--npz", "new"}), 2,
                    "--npz");
  }
  expect_one_line(ekgine(all + Arguments{"--keep-going"}), 2, "--keep-going requires --shard");
  expect_one_line(ekgine(all + Arguments{"--json-lines"}), 2, "--json-lines requires --shard");
}

}  // namespace
}  // namespace ekgine::testing
