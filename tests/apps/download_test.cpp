#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "base/directory_lock.h"
#include "base/sha256.h"
#include "tests/apps/program.h"
#include "tests/cases/random.h"
#include "tests/support/http_server.h"

namespace ekgine::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// A server with a small database, whose records the program itself can read.
class Download : public ::testing::Test {
 protected:
  Download() {
    fs::create_directory(root_);
    std::string records;
    for (const char* name : {"901", "902", "903", "904"}) {
      write_wfdb_record(root_, random_record(name, 400, "NAVF/N", 1));
      records += std::string(name) + "\n";
    }
    write_bytes(root_ / "RECORDS", records);
    std::string sums;
    for (const std::string& name : content_of(root_)) {
      sums += sha256_of_file(root_ / name) + " " + name + "\n";
    }
    write_bytes(root_ / "SHA256SUMS.txt", sums);
  }

  Arguments command(const Arguments& more = {}) const {
    return Arguments{"download", "--mirror", server_.url(), "--output", output_} + more;
  }
  // The output holds what the server does.
  void expect_complete() const {
    EXPECT_EQ(content_of(output_), content_of(root_));
    for (const std::string& name : content_of(root_)) {
      EXPECT_TRUE(read_file(fs::path(output_) / name) == read_file(root_ / name)) << name;
    }
  }
  std::int64_t served_bytes() const {
    std::int64_t bytes = 0;
    for (const std::string& name : content_of(root_)) {
      bytes += static_cast<std::int64_t>(fs::file_size(root_ / name));
    }
    return bytes;
  }

  TemporaryDirectory folder_;
  const fs::path root_ = folder_ / "root";
  const std::string output_ = folder_ / "out";
  HttpServer server_{root_};
};

TEST_F(Download, FetchesWhatPreprocessReads) {
  ProcessResult result = ekgine(command());
  expect_success(result);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr(output_ + ": 4 records, 13 files, "));
  EXPECT_THAT(result.err, HasSubstr(" MB, verified; 13 of them fetched, "));
  EXPECT_THAT(result.err, HasSubstr("download [########################] "));
  EXPECT_THAT(result.err, HasSubstr(" kB/s "));
  EXPECT_EQ(server_.requests().at(0).agent, "ekgine/0.1.0");
  expect_complete();
  expect_success(ekgine({"preprocess", "--database", output_, "--output", folder_ / "store"}));

  result = ekgine(command());
  expect_success(result);
  EXPECT_THAT(result.err, HasSubstr(" MB, verified; nothing to do\n"));
  expect_complete();
}

TEST_F(Download, PrintsJson) {
  ProcessResult result = ekgine(command({"--json", "--quiet", "somedb/2.0", "--records", "902"}));
  expect_success(result);
  EXPECT_EQ(result.err, "");
  Json found = parse_json(result.out);
  EXPECT_GE(found.at("seconds").get<double>(), 0);
  found.erase("seconds");
  std::int64_t bytes = 0;
  for (const char* name : {"902.hea", "902.dat", "902.atr", "RECORDS"}) {
    bytes += static_cast<std::int64_t>(fs::file_size(root_ / name));
  }
  EXPECT_EQ(found, Json({{"database", "somedb"},
                         {"version", "2.0"},
                         {"source", server_.url()},
                         {"output", output_},
                         {"records", 1},
                         {"files", 4},
                         {"bytes", bytes},
                         {"fetched_files", 4},
                         {"received_bytes", bytes}}));
  found = parse_json(ekgine(command({"--json"})).out);
  EXPECT_EQ(found.at("version"), nullptr);
  EXPECT_EQ(found.at("files"), 13);
  EXPECT_EQ(found.at("fetched_files"), 9);
}

TEST_F(Download, TheFolderIsNamedAfterTheDatabase) {
  const ProcessResult result =
      ekgine({"download", "somedb/1.0", "--mirror", "file://" + root_.string(), "--quiet"},
             {.directory = folder_.path(), .environment = {}});
  expect_success(result);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(content_of(folder_ / "somedb"), content_of(root_));
}

TEST_F(Download, KilledAtRandomMomentsItGoesOn) {
  server_.set_bytes_per_second(served_bytes());  // about a second in all
  Random random(20250301);
  int kills = 0;
  for (int i = 0; i < 12; ++i) {
    Process process(EKGINE_PROGRAM, command());
    std::this_thread::sleep_for(milliseconds(random.integer(50, 300)));
    process.send(SIGKILL);
    const ProcessResult result = process.wait();
    if (result.signal == SIGKILL) ++kills;
    // Whatever the moment: what has its own name is whole.
    if (!fs::exists(output_)) continue;
    for (const std::string& name : content_of(output_)) {
      if (name == lock_file_name) continue;  // the killed one's
      const std::string bytes = read_file(fs::path(output_) / name);
      const bool part = name.ends_with(".part");
      if (name.ends_with(".partial")) continue;  // of the list of checksums
      const std::string whole = read_file(root_ / (part ? name.substr(0, name.size() - 5) : name));
      EXPECT_TRUE(part ? whole.starts_with(bytes) : whole == bytes) << name;
    }
  }
  EXPECT_GT(kills, 2);
  server_.set_bytes_per_second(0);
  expect_success(ekgine(command()));
  fs::remove(fs::path(output_) / "SHA256SUMS.txt.partial");
  expect_complete();
  // Each kill costs what was on its way, which the server has sent into its socket, and the list of
  // checksums once more; not the files that were there.
  const auto sums = static_cast<std::int64_t>(fs::file_size(root_ / "SHA256SUMS.txt"));
  EXPECT_LT(server_.body_bytes(), served_bytes() + (kills + 2) * (served_bytes() / 20 + sums));
}

TEST_F(Download, InterruptedItSaysHowToGoOn) {
  server_.set_bytes_per_second(served_bytes() / 4);
  for (const int signal : {SIGINT, SIGTERM}) {
    Process process(EKGINE_PROGRAM, command({"--quiet"}));
    // Until it is in the middle of a file.
    const std::int64_t before = server_.body_bytes();
    while (server_.body_bytes() < before + served_bytes() / 10) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    process.send(signal);
    const ProcessResult result = process.wait();
    expect_one_line(result, 130, "interrupted; the same command goes on with what has arrived");
  }
  server_.set_bytes_per_second(0);
  expect_success(ekgine(command()));
  expect_complete();
}

TEST_F(Download, TellsWhatIsWrongInOneLine) {
  expect_one_line(ekgine(command({"--records", "905"})), 1,
                  server_.url() + "/RECORDS: record 905 is not there");
  expect_one_line(ekgine(command({"--records", "901,901"})), 2, "record 901 is named twice");
  expect_one_line(ekgine(command({"--records", "901", "--all-files"})), 2,
                  "--records: names records; leave it out with --all-files");
  expect_one_line(ekgine({"download", "--mirror", root_, "--output", output_}), 1,
                  "mirror '" + root_.string() + "': is no https, http or file URL of a folder");
  expect_one_line(ekgine({"download", "a", "b"}), 2, "b");
  server_.add_fault("/902.dat", {.status = 404, .times = -1});
  expect_one_line(ekgine(command({"--quiet"})), 1,
                  server_.url() + "/902.dat: not found (HTTP 404), though SHA256SUMS.txt lists it");
  expect_one_line(ekgine({"download", "--mirror", "file://" + root_.string(), "--quiet", "--output",
                          "/proc/ekgine-out"}),
                  1, "/proc/ekgine-out: cannot create the folder");
  // An address where nobody answers is not tried for long.
  std::string gone;
  { gone = HttpServer(root_).url(); }
  expect_one_line(ekgine({"download", "--mirror", gone, "--output", output_}), 1,
                  MatchesRegex("ekgine: " + gone + "/SHA256SUMS.txt: .*127.0.0.1.*\n"));
}

TEST_F(Download, PrintsNoPassword) {
  const std::string mirror = "http://me:secret@" + server_.url().substr(7);
  server_.add_fault("/902.dat", {.status = 503});
  const ProcessResult result =
      ekgine({"download", "--mirror", mirror, "--output", output_, "--json"});
  expect_success(result);
  EXPECT_EQ(parse_json(result.out).at("source"), server_.url());
  EXPECT_THAT(result.err, HasSubstr("902.dat: HTTP 503; again"));
  EXPECT_THAT(result.out + result.err, ::testing::Not(HasSubstr("secret")));
  expect_complete();
}

TEST_F(Download, AFullDiskIsNamedAndLeavesThePart) {
  const std::int64_t limit =
      static_cast<std::int64_t>(fs::file_size(root_ / "901.dat")) / 1024 * 512;
  expect_one_line(
      ekgine(command({"--quiet"}), {.directory = {}, .environment = {}, .file_size_limit = limit}),
      1, output_ + "/901.dat.part: cannot write: File too large");
  EXPECT_EQ(static_cast<std::int64_t>(fs::file_size(output_ + "/901.dat.part")), limit);
  expect_success(ekgine(command()));
  expect_complete();
}

}  // namespace
}  // namespace ekgine::testing
