#include "data/download.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "base/atomic_file.h"
#include "base/sha256.h"
#include "tests/cases/random.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/flips.h"
#include "tests/support/http_server.h"
#include "tests/support/lock_holder.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using testing::FileSizeLimit;
using ::testing::HasSubstr;
using testing::HttpFault;
using testing::HttpRequest;
using testing::HttpServer;
using testing::LockHolder;
using ::testing::MatchesRegex;
using ::testing::Not;
using testing::Random;
using testing::TemporaryDirectory;
using testing::write_bytes;
using Kind = HttpFault::Kind;
using std::chrono::milliseconds;

class Downloads : public ::testing::Test {
 protected:
  Downloads() {
    fs::create_directory(root_);
    Random random(31);
    for (const char* name : {"100", "101", "102"}) {
      std::string samples(60'000, '\0');
      for (char& c : samples) c = static_cast<char>(random.word());
      put(std::string(name) + ".dat", samples);
      put(std::string(name) + ".hea", std::string(name) + " 2 360 20000\n" + name +
                                          ".dat 212 200 11 1024 995 -22131 0 MLII\n" + name +
                                          ".dat 212 200 11 1024 1011 20052 0 V5\n# 69 M\n");
      put(std::string(name) + ".atr", std::string(50, name[2]));
      put(std::string(name) + ".xws", "settings of a viewer");
    }
    put("RECORDS", "100\n101\n102\n");
    put("ANNOTATORS", "atr\treference beats\nqrs\tanother\n");
    put("doc/index.html", "<p>");
    write_sums();
    options_.output = folder_ / "out";
    options_.mirror = server_.url();
    options_.first_delay = milliseconds(1);
    options_.retries = 3;
  }

  void put(const std::string& name, const std::string& content) {
    fs::create_directories((root_ / name).parent_path());
    write_bytes(root_ / name, content);
  }
  // SHA256SUMS.txt of what is there, but for `without`.
  void write_sums(const std::vector<std::string>& without = {}) {
    std::string sums;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      const std::string name = fs::relative(entry.path(), root_).string();
      if (!entry.is_regular_file() || name == "SHA256SUMS.txt" ||
          std::ranges::find(without, name) != without.end()) {
        continue;
      }
      sums += sha256_of_file(entry.path()) + " " + name + "\n";
    }
    write_bytes(root_ / "SHA256SUMS.txt", sums);
  }
  DownloadResult run() {
    said_.clear();
    return download(
        options_,
        [this](const DownloadProgress& p) {
          EXPECT_LE(p.units_done, p.units);
          EXPECT_LE(p.bytes, p.checking ? p.bytes : p.expected_bytes);
          progress_.push_back(p);
        },
        [this](const std::string& line) { said_.push_back(line); });
  }
  // Everything in the output, by name.
  std::vector<std::string> content() const {
    std::vector<std::string> names;
    if (!fs::exists(options_.output)) return names;
    for (const auto& entry : fs::recursive_directory_iterator(options_.output)) {
      if (entry.is_regular_file()) {
        names.push_back(fs::relative(entry.path(), options_.output).string());
      }
    }
    std::ranges::sort(names);
    return names;
  }
  std::string got(const std::string& name) const { return read_file(options_.output / name); }
  std::string served(const std::string& name) const { return read_file(root_ / name); }
  // All files of the three records are there, and no parts.
  void expect_complete() const {
    EXPECT_THAT(content(), ElementsAre("100.atr", "100.dat", "100.hea", "101.atr", "101.dat",
                                       "101.hea", "102.atr", "102.dat", "102.hea", "ANNOTATORS",
                                       "RECORDS", "SHA256SUMS.txt"));
    for (const std::string& name : content()) EXPECT_TRUE(got(name) == served(name)) << name;
  }
  // Offsets that 101.dat was asked for from.
  std::vector<std::int64_t> offsets() const {
    std::vector<std::int64_t> found;
    for (const HttpRequest& request : server_.requests()) {
      if (request.path == "/101.dat") found.push_back(request.offset);
    }
    return found;
  }
  std::string url(const std::string& name) const { return server_.url() + "/" + name; }

  TemporaryDirectory folder_;
  const fs::path root_ = folder_ / "root";
  HttpServer server_{root_};
  DownloadOptions options_;
  std::vector<std::string> said_;
  std::vector<DownloadProgress> progress_;
};

TEST_F(Downloads, FetchTheFilesOfTheRecords) {
  const DownloadResult result = run();
  expect_complete();
  EXPECT_EQ(result.database, "mitdb");
  EXPECT_EQ(result.version, "");
  EXPECT_EQ(result.source, server_.url());
  EXPECT_EQ(result.records, 3);
  EXPECT_EQ(result.files, 11);
  EXPECT_EQ(result.fetched_files, 11);
  EXPECT_GT(result.bytes, 180'000);
  EXPECT_EQ(result.received_bytes, result.bytes);
  EXPECT_THAT(said_, ElementsAre());
  EXPECT_EQ(server_.requests().size(), 12u) << "no file is asked for twice";
  const DownloadProgress& last = progress_.back();
  EXPECT_FALSE(last.checking);
  EXPECT_EQ(last.units_done, 3);
  EXPECT_EQ(last.bytes, last.expected_bytes);
  // After the first record the estimate is good: the others are as large.
  for (const DownloadProgress& p : progress_) {
    if (!p.checking && p.units_done > 0) {
      EXPECT_NEAR(static_cast<double>(p.expected_bytes), static_cast<double>(last.bytes), 1000);
    }
  }
}

TEST_F(Downloads, TheSecondTimeThereIsNothingToDo) {
  const DownloadResult first = run();
  server_.forget_requests();
  progress_.clear();
  const DownloadResult second = run();
  EXPECT_EQ(second.files, first.files);
  EXPECT_EQ(second.bytes, first.bytes);
  EXPECT_EQ(second.fetched_files, 0);
  EXPECT_EQ(second.received_bytes, 0);
  ASSERT_EQ(server_.requests().size(), 1u);
  EXPECT_EQ(server_.requests()[0].path, "/SHA256SUMS.txt");
  for (const DownloadProgress& p : progress_) EXPECT_TRUE(p.checking);
  expect_complete();
}

TEST_F(Downloads, DamagedAndMissingFilesAreFetchedAgain) {
  run();
  std::string samples = got("101.dat");
  samples[12345] ^= 1;
  write_bytes(options_.output / "101.dat", samples);
  fs::remove(options_.output / "102.hea");
  write_bytes(options_.output / "RECORDS", "100\n");
  const DownloadResult result = run();
  EXPECT_EQ(result.fetched_files, 3);
  expect_complete();
}

// One flipped bit of what is there, or of what has arrived so far, is noticed and fetched again;
// the list that all is compared with is the server's.
TEST_F(Downloads, FlippedBitsAreMendedOrRefused) {
  options_.mirror = "file://" + root_.string();
  options_.records = {"100"};
  run();
  const fs::path out = options_.output;
  for (const std::string name : {"100.dat", "100.hea", "100.atr", "RECORDS", "ANNOTATORS"}) {
    testing::expect_flips_refused_or_harmless(out / name, 200, [&] {
      run();
      return got(name) == served(name);
    });
  }
  testing::expect_flips_refused(out / "SHA256SUMS.txt", 200, [&] { run(); });
  write_bytes(out / "100.dat.part", served("100.dat").substr(0, 30'000));
  testing::expect_flips_refused_or_harmless(out / "100.dat.part", 200, [&] {
    fs::remove(out / "100.dat");
    run();
    return got("100.dat") == served("100.dat");
  });
}

TEST_F(Downloads, FileUrlsGiveTheSame) {
  run();
  options_.mirror = "file://" + root_.string() + "/";
  EXPECT_EQ(run().fetched_files, 0);
  fs::remove_all(options_.output);
  const DownloadResult result = run();
  EXPECT_EQ(result.fetched_files, 11);
  expect_complete();
  write_bytes(options_.output / "101.dat.part", served("101.dat").substr(0, 40'000));
  fs::remove(options_.output / "101.dat");
  EXPECT_EQ(run().received_bytes, 20'000);
  expect_complete();
}

TEST_F(Downloads, OnlySomeRecordsOrEveryFile) {
  options_.records = {"102", "100"};
  EXPECT_EQ(run().records, 2);
  EXPECT_THAT(content(), Not(Contains("101.dat")));
  options_.records = {"104", "100", "10"};
  EXPECT_ERROR(run(), url("RECORDS") + ": records 104, 10 are not there");
  options_.records = {};
  options_.all_files = true;
  const DownloadResult result = run();
  EXPECT_EQ(result.records, 0);
  EXPECT_EQ(result.files, 15);
  EXPECT_EQ(got("doc/index.html"), "<p>");
  EXPECT_EQ(got("100.xws"), "settings of a viewer");
}

// --- Layouts ------------------------------------------------------------------------------------

TEST_F(Downloads, MirrorsLaidOutAsPhysioNet) {
  const fs::path inner = folder_ / "mirror/mitdb/1.0.0";
  fs::create_directories(inner.parent_path());
  fs::rename(root_, inner);
  const HttpServer mirror(folder_ / "mirror");
  options_.mirror = mirror.url() + "/";
  const DownloadResult result = run();
  EXPECT_EQ(result.version, "1.0.0");
  EXPECT_EQ(result.source, mirror.url() + "/mitdb/1.0.0");
  EXPECT_EQ(result.files, 11);
  options_.mirror = "file://" + (folder_ / "mirror").string();
  EXPECT_EQ(run().fetched_files, 0);
  options_.database = "mitdb/2.0";
  EXPECT_ERROR(run(), options_.mirror + "/SHA256SUMS.txt: not found, nor " + options_.mirror +
                          "/mitdb/2.0/SHA256SUMS.txt; expected a folder with a database");
  options_.database = "svdb";
  EXPECT_ERROR(run(), "name the version: svdb/VERSION");
}

TEST_F(Downloads, PhysioNetItself) {
  const fs::path site = folder_ / "site";
  for (const char* folder : {"files/mitdb/1.0.0", "files/svdb/1.0.1"}) {
    fs::create_directories(site / folder);
    fs::copy(root_, site / folder, fs::copy_options::recursive);
  }
  fs::create_directories(site / "content/svdb/1.0.1");
  write_bytes(site / "content/svdb/1.0.1/page", "<html>");
  HttpServer physionet(site);
  options_.mirror = "";
  options_.site = physionet.url();
  DownloadResult result = run();
  EXPECT_EQ(result.version, "1.0.0");
  EXPECT_EQ(result.source, physionet.url() + "/files/mitdb/1.0.0");
  expect_complete();

  // The latest version is where the page of the database leads.
  options_.output = folder_ / "out2";
  options_.database = "svdb";
  physionet.add_fault("/content/svdb/",
                      {.kind = Kind::redirect, .location = "/content/svdb/1.0.1/page"});
  result = run();
  EXPECT_EQ(result.version, "1.0.1");
  EXPECT_EQ(result.source, physionet.url() + "/files/svdb/1.0.1");
  physionet.add_fault("/content/svdb/",
                      {.kind = Kind::redirect, .location = "/files/svdb/1.0.1/RECORDS"});
  EXPECT_ERROR(run(), physionet.url() + "/content/svdb/: leads to " + physionet.url() +
                          "/files/svdb/1.0.1/RECORDS, expected the page of a version; name it: "
                          "svdb/VERSION");
  options_.database = "svdb/9.9";
  EXPECT_ERROR(run(), physionet.url() +
                          "/files/svdb/9.9/SHA256SUMS.txt: not found; is there a "
                          "database svdb of version 9.9?");
  options_.database = "nonedb";
  EXPECT_ERROR(run(),
               physionet.url() + "/content/nonedb/: HTTP 404; there is no database of this name");
}

TEST_F(Downloads, DatabasesOfOtherShapes) {
  // Records in folders, whole folders, signals in several files, segments, no annotations.
  put("p1/s1.hea", "s1 3 1000 10\ns1.dat 16\ns1.xyz 16\ns1.dat 16\n");
  put("p1/s1.dat", "1");
  put("p1/s1.xyz", "2");
  put("p1/s1.html", "not of the record");
  put("m.hea", "# made by hand\nm/3 1 250 30\nm_1 10\n~ 10\nm_2 10\n");
  put("m_1.hea", "m_1 1 250\nm_1.dat 212\n");
  put("m_1.dat", "3");
  put("m_2.hea", "m_2 1 250\nm_1.dat 212\n");
  put("30/a.hea", "a 0");
  put("30/a.txt", "4");
  put("RECORDS", "p1/s1\r\n\nm\n30/\n");
  fs::remove(root_ / "ANNOTATORS");
  write_sums();
  const DownloadResult result = run();
  EXPECT_EQ(result.records, 3);
  EXPECT_THAT(content(),
              ElementsAre("30/a.hea", "30/a.txt", "RECORDS", "SHA256SUMS.txt", "m.hea", "m_1.dat",
                          "m_1.hea", "m_2.hea", "p1/s1.dat", "p1/s1.hea", "p1/s1.xyz"));
  EXPECT_EQ(run().fetched_files, 0);
}

TEST_F(Downloads, WithoutListsTheHeadersTell) {
  fs::remove(root_ / "RECORDS");
  fs::remove(root_ / "ANNOTATORS");
  write_sums();
  EXPECT_EQ(run().records, 3);
  EXPECT_THAT(content(), Contains("102.atr"));
  // Lists that are there but have no checksum are taken as they are.
  fs::remove_all(options_.output);
  put("RECORDS", "101\n");
  EXPECT_EQ(run().records, 1);
  EXPECT_THAT(content(), ElementsAre("101.atr", "101.dat", "101.hea", "RECORDS", "SHA256SUMS.txt"));
}

// --- Faults of the server -----------------------------------------------------------------------

TEST_F(Downloads, GoOnWhereAConnectionWasCut) {
  server_.add_fault("/101.dat", {.kind = Kind::truncate, .bytes = 20'000});
  server_.add_fault("/101.dat", {.kind = Kind::truncate, .bytes = 15'000});
  const DownloadResult result = run();
  EXPECT_EQ(result.received_bytes, result.bytes) << "no byte is fetched twice";
  EXPECT_THAT(offsets(), ElementsAre(0, 20'000, 35'000));
  EXPECT_THAT(said_,
              ElementsAre(MatchesRegex(url("101.dat") + ": .*40000 bytes (remaining|missing).*; "
                                                        "again in 0 s"),
                          ContainsRegex("25000 bytes (remaining|missing)")));
  expect_complete();
}

TEST_F(Downloads, StartOverWhereTheServerKnowsNoRanges) {
  server_.set_ranges(false);
  server_.add_fault("/101.dat", {.kind = Kind::truncate, .bytes = 20'000});
  run();
  EXPECT_THAT(offsets(), ElementsAre(0, 20'000));
  expect_complete();
  // Lengths are not told either: a cut looks like the end, and only the checksum tells.
  server_.set_lengths(false);
  fs::remove(options_.output / "101.dat");
  server_.add_fault("/101.dat", {.kind = Kind::truncate, .bytes = 20'000});
  run();
  EXPECT_THAT(said_, ElementsAre(url("101.dat") +
                                 ": has another SHA-256 than SHA256SUMS.txt lists; again from its "
                                 "start"));
  expect_complete();
}

TEST_F(Downloads, ARangeOfAnotherPlaceIsNotUsed) {
  server_.add_fault("/101.dat", {.kind = Kind::truncate, .bytes = 20'000});
  server_.add_fault("/101.dat", {.kind = Kind::wrong_range});
  run();
  EXPECT_THAT(offsets(), ElementsAre(0, 20'000, 0));
  expect_complete();
}

TEST_F(Downloads, NeverGiveUpWhileMoreArrives) {
  options_.retries = 1;
  server_.add_fault("/101.dat", {.kind = Kind::truncate, .bytes = 5'000, .times = 11});
  run();
  EXPECT_EQ(offsets().size(), 12u);
  expect_complete();
}

TEST_F(Downloads, GiveUpWhenNothingMoreArrives) {
  server_.add_fault("/101.dat", {.kind = Kind::truncate, .bytes = 0, .times = -1});
  EXPECT_ERROR(run(), AllOf(HasSubstr(url("101.dat") + ": "),
                            HasSubstr(", 4 attempts in a row; the same command goes on with what "
                                      "has arrived")));
  EXPECT_EQ(offsets().size(), 4u);
  // A server without ranges that always cuts at the same place gets no further either.
  server_.set_ranges(false);
  server_.forget_requests();
  server_.add_fault("/102.dat", {.kind = Kind::truncate, .bytes = 30'000, .times = -1});
  options_.records = {"102"};
  EXPECT_ERROR(run(),
               ContainsRegex("30000 bytes (remaining to read|missing), 4 attempts in a row"));
  EXPECT_TRUE(fs::exists(options_.output / "102.dat.part"));
  EXPECT_FALSE(fs::exists(options_.output / "102.dat"));
}

TEST_F(Downloads, StallsEndAndAreTriedAgain) {
  options_.transfer.stall_timeout = milliseconds(500);
  server_.add_fault("/101.dat", {.kind = Kind::stall, .bytes = 20'000});
  run();
  EXPECT_THAT(offsets(), ElementsAre(0, 20'000));
  EXPECT_THAT(said_, ElementsAre(url("101.dat") + ": no data for 0.5 s; again in 0 s"));
  expect_complete();
  fs::remove(options_.output / "101.dat");
  options_.retries = 1;
  server_.add_fault("/101.dat", {.kind = Kind::stall, .times = -1});
  EXPECT_ERROR(run(), url("101.dat") + ": no data for 0.5 s, 2 attempts in a row");
}

TEST_F(Downloads, WaitForAServerThatIsOverloaded) {
  server_.add_fault("/101.dat", {.status = 503, .times = 3});
  server_.add_fault("/SHA256SUMS.txt", {.status = 503});
  server_.add_fault("/RECORDS", {.status = 429});
  run();
  EXPECT_EQ(offsets().size(), 4u);
  EXPECT_THAT(said_, Contains(url("101.dat") + ": HTTP 503; again in 0 s").Times(3));
  expect_complete();
  fs::remove(options_.output / "101.dat");
  server_.forget_requests();
  server_.add_fault("/101.dat", {.status = 503, .times = -1});
  EXPECT_ERROR(run(), url("101.dat") + ": HTTP 503, 4 attempts in a row");
  EXPECT_EQ(offsets().size(), 4u);
  EXPECT_THAT(content(), Not(Contains("101.dat.part")));
}

TEST_F(Downloads, WaitLongerEachTimeAndAsLongAsAsked) {
  options_.first_delay = milliseconds(20);
  server_.add_fault("/101.dat", {.status = 503, .times = 3});
  auto start = std::chrono::steady_clock::now();
  run();
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(20 + 40 + 80));
  server_.add_fault("/101.dat", {.status = 503, .retry_after = 1});
  fs::remove(options_.output / "101.dat");
  start = std::chrono::steady_clock::now();
  run();
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(1000));
  EXPECT_THAT(said_, ElementsAre(url("101.dat") + ": HTTP 503; again in 1 s"));
}

TEST_F(Downloads, ACorruptFileIsFetchedOnceMore) {
  server_.add_fault("/101.dat", {.kind = Kind::corrupt, .bytes = 31'000});
  run();
  EXPECT_THAT(offsets(), ElementsAre(0, 0));
  expect_complete();
  fs::remove(options_.output / "101.dat");
  server_.forget_requests();
  server_.add_fault("/101.dat", {.kind = Kind::corrupt, .bytes = 31'000, .times = -1});
  EXPECT_ERROR(run(), MatchesRegex(url("101.dat") + ": has SHA-256 [0-9a-f]{64}, expected " +
                                   sha256_of_file(root_ / "101.dat") +
                                   " \\(SHA256SUMS.txt\\), also when fetched again"));
  EXPECT_EQ(offsets().size(), 2u);
  EXPECT_THAT(content(), Not(Contains("101.dat.part")));
  EXPECT_THAT(content(), Not(Contains("101.dat")));
}

TEST_F(Downloads, APartThatIsNoPartOfTheFileIsDropped) {
  const std::string samples = served("101.dat");
  for (const std::string& part :
       {std::string(70'000, 'x'), std::string(60'000, 'x'), std::string(20'000, 'x')}) {
    fs::remove_all(options_.output);
    fs::create_directory(options_.output);
    write_bytes(options_.output / "101.dat.part", part);
    run();
    expect_complete();
  }
  // A kill between the last byte and the new name.
  fs::remove(options_.output / "101.dat");
  write_bytes(options_.output / "101.dat.part", samples);
  EXPECT_EQ(run().received_bytes, 0);
  expect_complete();
}

TEST_F(Downloads, AnEndlessFileIsRefused) {
  options_.largest_untold = 1'000'000;
  server_.add_fault("/101.dat", {.kind = Kind::endless, .times = -1});
  EXPECT_ERROR(run(), url("101.dat") +
                          ": more arrives than 1000000 bytes, the most of a file whose "
                          "size is not told");
  EXPECT_EQ(offsets().size(), 1u);
  EXPECT_THAT(content(), Not(Contains("101.dat.part")));
}

TEST_F(Downloads, AFileLargerThanTheDiskIsRefusedBeforeItArrives) {
  server_.add_fault("/101.dat", {.kind = Kind::claim, .bytes = 1'000'000'000'000'000, .times = -1});
  EXPECT_ERROR(run(), (options_.output / "101.dat.part").string() +
                          ": 1000000000000000 bytes more do not fit on the disk: ");
  EXPECT_THAT(content(), Not(Contains("101.dat.part")));
}

TEST_F(Downloads, AnEndlessOrHugeListIsRefused) {
  server_.add_fault("/SHA256SUMS.txt", {.kind = Kind::claim, .bytes = 300'000'000});
  EXPECT_ERROR(run(), url("SHA256SUMS.txt") + ": has more than 268435456 bytes, too many");
  server_.add_fault("/SHA256SUMS.txt", {.kind = Kind::long_head});
  EXPECT_ERROR(run(), url("SHA256SUMS.txt") + ": an answer's head of more than 262144 bytes");
}

// "101.dat.part" is a file of the database, and what gathers for "101.dat" must not replace it.
TEST_F(Downloads, AFileNamedAsAPartIsNotTakenForOne) {
  put("101.dat.part", "a file of its own");
  put("101.dat.part.part/x", "and a folder");
  write_sums();
  options_.all_files = true;
  run();
  for (int again = 0; again < 2; ++again) {
    for (const char* name : {"101.dat", "101.dat.part", "101.dat.part.part/x"}) {
      EXPECT_TRUE(got(name) == served(name)) << name;
    }
    fs::remove(options_.output / "101.dat");  // the others are verified, and this fetched
    EXPECT_EQ(run().fetched_files, 1);
  }
}

TEST_F(Downloads, WhatIsChangedAfterItWasVerifiedIsNotReported) {
  EXPECT_ERROR(download(options_,
                        [this](const DownloadProgress& p) {
                          const fs::path first = options_.output / "100.dat";
                          if (p.unit == "102" && fs::exists(first)) write_bytes(first, "x");
                        }),
               (options_.output / "100.dat").string() + ": was changed after it had been verified");
  run();
  expect_complete();
}

TEST_F(Downloads, LinksAndFifosInTheFolderAreNotFollowed) {
  const fs::path elsewhere = folder_ / "elsewhere";
  fs::create_directory(elsewhere);
  write_bytes(elsewhere / "file", served("101.dat"));
  fs::create_directory(options_.output);
  options_.all_files = true;
  const fs::path link = options_.output / "101.dat";
  fs::create_symlink(elsewhere / "file", link);
  EXPECT_ERROR(run(), link.string() + ": is a symbolic link, which is not followed");
  fs::remove(link);
  fs::create_directory_symlink(elsewhere, options_.output / "doc");
  EXPECT_ERROR(run(), (options_.output / "doc").string() + ": is a symbolic link");
  EXPECT_FALSE(fs::exists(elsewhere / "index.html"));
  fs::remove(options_.output / "doc");
  ASSERT_EQ(mkfifo((link.string() + ".part").c_str(), 0600), 0);
  EXPECT_ERROR(run(), link.string() + ".part: is no regular file");
  fs::remove(link.string() + ".part");
  ASSERT_EQ(mkfifo(link.c_str(), 0600), 0);
  EXPECT_ERROR(run(), link.string() + ": is no regular file");
  fs::remove(link);
  fs::remove(options_.output / "SHA256SUMS.txt");
  fs::create_symlink(elsewhere / "file", options_.output / "SHA256SUMS.txt");
  EXPECT_ERROR(run(), "SHA256SUMS.txt: is a symbolic link");
  EXPECT_TRUE(read_file(elsewhere / "file") == served("101.dat"));
}

TEST_F(Downloads, AFifoOnAFileMirrorIsNotWaitedFor) {
  fs::remove(root_ / "101.dat");
  ASSERT_EQ(mkfifo((root_ / "101.dat").c_str(), 0600), 0);
  options_.mirror = "file://" + root_.string();
  EXPECT_ERROR(run(), options_.mirror + "/101.dat: is no regular file");
}

TEST_F(Downloads, ALoginInsteadOfTheDatabaseIsNamed) {
  put("login?next=secret", "\n<!doctype HTML><title>Log in</title>\n");
  const HttpFault login{.kind = Kind::redirect, .location = "/login?next=secret"};
  server_.add_fault("/SHA256SUMS.txt", login);
  EXPECT_ERROR(run(), url("SHA256SUMS.txt") + ": leads to a web page, " + url("login?...") +
                          ": the database wants a login");
  server_.add_fault("/101.dat", login);
  EXPECT_ERROR(run(), url("101.dat") + ": leads to a web page, " + url("login?...") +
                          ": the database wants a login");
  server_.add_fault("/SHA256SUMS.txt", {.status = 401});
  EXPECT_ERROR(run(), url("SHA256SUMS.txt") + ": HTTP 401: the database wants a login");
}

TEST_F(Downloads, SecretsAreForTheServerAlone) {
  const std::string host = server_.url().substr(std::string("http://").size());
  options_.mirror = "http://me:se%40cret@" + host;
  server_.add_fault("/101.dat", {.kind = Kind::truncate, .bytes = 20'000});
  server_.add_fault("/102.dat", {.status = 404});
  EXPECT_ERROR(run(), url("102.dat") + ": not found");
  EXPECT_THAT(said_, ElementsAre(HasSubstr(url("101.dat") + ": ")));
  EXPECT_EQ(run().source, server_.url());
  for (const HttpRequest& request : server_.requests()) {
    EXPECT_EQ(request.authorization, "Basic bWU6c2VAY3JldA==") << request.path;  // me:se@cret
  }
  for (const std::string& name : content()) EXPECT_THAT(got(name), Not(HasSubstr("secret")));
  // Not for another server.
  const HttpServer other(root_);
  server_.add_fault("/101.dat", {.kind = Kind::redirect, .location = other.url() + "/101.dat"});
  fs::remove(options_.output / "101.dat");
  run();
  ASSERT_EQ(other.requests().size(), 1u);
  EXPECT_EQ(other.requests().at(0).authorization, "");
  options_.mirror = "ftp://me:secret@x/y";
  EXPECT_ERROR(run(), "mirror 'ftp://x/y': is no");
  options_.mirror.clear();
  options_.database = "https://me:secret@x/y";
  EXPECT_ERROR(run(), "'https://x/y' is no name of a database");
}

TEST_F(Downloads, AMissingFileIsNamed) {
  server_.add_fault("/101.dat", {.status = 404, .times = -1});
  EXPECT_ERROR(run(), url("101.dat") + ": not found (HTTP 404), though SHA256SUMS.txt lists it");
  EXPECT_THAT(content(), Contains("100.dat"));  // what came before stays
  EXPECT_THAT(content(), Not(Contains("101.dat.part")));
  server_.add_fault("/RECORDS", {.status = 403, .times = -1});
  fs::remove(options_.output / "RECORDS");
  EXPECT_ERROR(run(), url("RECORDS") + ": HTTP 403");
  options_.mirror = "file://" + root_.string();
  fs::remove(root_ / "102.atr");
  EXPECT_ERROR(run(), "file://" + (root_ / "102.atr").string() + ": not found (");
}

// --- What is wrong with lists and folders -------------------------------------------------------

TEST_F(Downloads, RefuseListsThatLeadOut) {
  const std::string sum(64, 'a');
  const auto refuses = [&](const std::string& expected) {
    EXPECT_ERROR(run(), expected);
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      EXPECT_TRUE(entry.path() == root_ || entry.path() == options_.output) << entry.path();
    }
  };
  const std::string good = served("SHA256SUMS.txt");
  put("SHA256SUMS.txt", good + sum + " ../evil\n");
  refuses(url("SHA256SUMS.txt") +
          ":16: '../evil' is refused, expected the path of a file inside "
          "the database");
  EXPECT_FALSE(fs::exists(options_.output)) << "nothing was put there";
  put("SHA256SUMS.txt", good);
  const auto records = [&](const std::string& list) {
    put("RECORDS", list);
    write_sums();
    fs::remove_all(options_.output);
  };
  records("100\n../evil\n");
  refuses(url("RECORDS") + ":2: '../evil' is refused");
  records("/etc/passwd\n");
  refuses(url("RECORDS") + ":1: '/etc/passwd' is refused");
  records("../\n");
  refuses(url("RECORDS") + ":1: '..' is refused");
  records("100\n101\n100\n");
  refuses(url("RECORDS") + ":3: 100 is named twice");
  records("100\n105\n");
  refuses(url("SHA256SUMS.txt") + ": does not list 105.hea, the header of record 105");
  put("100.hea", "100 1 360\n../../evil.dat 212\n");
  records("100\n");
  refuses((options_.output / "100.hea").string() + ": '../../evil.dat' is refused");
  put("100.hea", "100 1 360\nother.dat 212\n");
  records("100\n");
  refuses("100.hea: names other.dat, which SHA256SUMS.txt does not list");
  put("100.hea", "100 2 360\n100.dat 212\n");
  records("100\n");
  refuses("100.hea: ends after 1 lines of signals or segments, expected 2");
  put("100.hea", "<html>\n");
  records("100\n");
  refuses("100.hea:1: found '<html>', expected a record's name and its number of signals");
  put("100.hea", "");
  records("100\n");
  refuses("100.hea: ends after 0 lines");
  put("100.hea", "100/1 1 360\n101 10\n");
  put("101.hea", "101/1 1 360\n100 10\n");
  records("100\n");
  refuses("101.hea: is a segment that has segments");
  put("ANNOTATORS", "../../x\n");
  records("100\n");
  refuses(url("ANNOTATORS") + ":1: '../../x' is refused");
}

TEST_F(Downloads, RefuseWhatIsNoDatabase) {
  put("SHA256SUMS.txt", "<!DOCTYPE html><title>404</title>\n");
  EXPECT_ERROR(run(), url("SHA256SUMS.txt") +
                          ": is a web page, expected a list; the database may want a login");
  put("SHA256SUMS.txt", "no list\n");
  EXPECT_ERROR(run(), url("SHA256SUMS.txt") + ":1: found 'no list'");
  EXPECT_FALSE(fs::exists(options_.output));
  put("SHA256SUMS.txt", "");
  EXPECT_ERROR(run(), url("SHA256SUMS.txt") + ": is empty");
  put("SHA256SUMS.txt", std::string(64, 'a') + " readme.html\n");
  fs::remove(root_ / "RECORDS");
  EXPECT_ERROR(run(), url("SHA256SUMS.txt") +
                          ": lists no records (no RECORDS, no .hea files); "
                          "fetch all files that there are");
  options_.mirror = server_.url() + "/nowhere";
  EXPECT_ERROR(run(), server_.url() + "/nowhere/SHA256SUMS.txt: not found, nor ");
  for (const char* mirror :
       {"/home/me/mitdb", "ftp://x/y", "mitdb", "file://mitdb", "http://x/?...", "https://x/a b"}) {
    options_.mirror = mirror;
    EXPECT_ERROR(run(),
                 std::string("mirror '") + mirror + "': is no https, http or file URL of a folder");
  }
  options_.mirror = server_.url();
  for (const char* name : {"", "/", "../x", "a/../b", "a/b/c", ".x", "a/.b", "a b", "a$"}) {
    options_.database = name;
    EXPECT_ERROR(run(), std::string("'") + name + "' is no name of a database, expected NAME");
  }
  options_.database = "a?key=secret";
  EXPECT_ERROR(run(), "'a?...' is no name of a database, expected NAME");
}

TEST_F(Downloads, NeverMixTwoDatabases) {
  run();
  put("103.dat", "one more");
  write_sums();
  const std::string before = got("SHA256SUMS.txt");
  EXPECT_ERROR(run(), (options_.output / "SHA256SUMS.txt").string() + ": is not the one of " +
                          server_.url() +
                          ": the folder holds another database or version; choose another "
                          "folder");
  EXPECT_EQ(got("SHA256SUMS.txt"), before);
}

TEST_F(Downloads, RefusePlacesTheyCannotWrite) {
  write_bytes(folder_ / "file", "");
  for (const fs::path& output : {folder_ / "file", folder_ / "file/x", fs::path("/proc/x")}) {
    options_.output = output;
    EXPECT_ERROR(run(), output.string() + ": cannot create the folder");
  }
  EXPECT_THAT(server_.requests(), ::testing::IsEmpty());
  options_.output = folder_ / "out";
  fs::create_directories(options_.output / "101.dat");  // where a file must be
  EXPECT_ERROR(run(), (options_.output / "101.dat").string() +
                          ": is no regular file; remove it or "
                          "choose another folder");
}

TEST_F(Downloads, AFullDiskLeavesAPart) {
  {
    const FileSizeLimit full(40'960);
    EXPECT_ERROR(run(), (options_.output / "100.dat.part").string() + ": cannot write: ");
  }
  EXPECT_EQ(fs::file_size(options_.output / "100.dat.part"), 40'960u);
  EXPECT_FALSE(fs::exists(options_.output / "100.dat"));
  server_.forget_requests();
  run();
  expect_complete();
  for (const HttpRequest& request : server_.requests()) {
    EXPECT_EQ(request.offset, request.path == "/100.dat" ? 40'960 : 0) << request.path;
  }
}

TEST_F(Downloads, OneAtATimeInAFolder) {
  fs::create_directory(options_.output);
  LockHolder other(options_.output);
  EXPECT_ERROR(run(), options_.output.string() + ": another process is at work there");
  EXPECT_THAT(content(), ElementsAre(lock_file_name)) << "nothing but the other's";
  other.end();
  run();
  expect_complete();
}

// The MIT-BIH Arrhythmia Database itself, whose SHA256SUMS.txt lists more than copies of it hold.
TEST_F(Downloads, TheRealDatabaseByFileAndByHttp) {
  const char* database = std::getenv("EKGINE_DATABASE");
  if (database == nullptr || !fs::exists(fs::path(database) / "SHA256SUMS.txt")) {
    GTEST_SKIP() << "EKGINE_DATABASE is not set to a folder with the database's SHA256SUMS.txt";
  }
  const HttpServer server(database);
  for (const std::string& mirror : {server.url(), "file://" + std::string(database)}) {
    options_.mirror = mirror;
    options_.output = folder_ / ("real" + mirror.substr(0, 4));
    const DownloadResult result = run();
    EXPECT_EQ(result.records, 48) << mirror;
    EXPECT_EQ(result.fetched_files, 48 * 3 + 2) << mirror;
    EXPECT_EQ(result.received_bytes, 93'857'317) << mirror;
    EXPECT_EQ(run().fetched_files, 0) << mirror;
  }
}

}  // namespace
}  // namespace ekgine
