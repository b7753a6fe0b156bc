#include "data/transfer.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/http_server.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using testing::HttpFault;
using testing::HttpServer;
using testing::TemporaryDirectory;
using testing::write_bytes;
using Outcome = TransferResult::Outcome;
using Kind = HttpFault::Kind;
using std::chrono::milliseconds;

class Transfers : public ::testing::Test {
 protected:
  Transfers() {
    write_bytes(folder_ / "file", content_);
    write_bytes(folder_ / "empty", "");
    write_bytes(folder_ / "a b#%.dat", "odd");
  }

  struct Got {
    TransferResult result;
    std::string text;
    std::int64_t offset = -1;
    std::optional<std::int64_t> size;
    int begins = 0;
  };
  Got get(const std::string& url, std::int64_t offset = 0) { return get(transfer_, url, offset); }
  static Got get(Transfer& transfer, const std::string& url, std::int64_t offset) {
    Got got;
    got.result = transfer.get(
        url, offset,
        [&](std::int64_t at, std::optional<std::int64_t> size) {
          got.offset = at;
          got.size = size;
          ++got.begins;
        },
        [&](std::span<const char> bytes) { got.text.append(bytes.data(), bytes.size()); });
    return got;
  }
  std::string http(const std::string& name) const { return server_.url() + "/" + name; }
  std::string file(const std::string& name) const { return "file://" + (folder_ / name).string(); }

  const std::string content_ = std::string(70'000, 'x') + "the end";
  const std::int64_t size_ = std::ssize(content_);
  TemporaryDirectory folder_;
  HttpServer server_{folder_.path()};
  Transfer transfer_{{.agent = "test/1"}};
};

TEST_F(Transfers, GetWholeFilesAndTheirEnds) {
  for (const std::string& url : {http("file"), file("file")}) {
    SCOPED_TRACE(url);
    for (const std::int64_t offset : {std::int64_t{0}, std::int64_t{1}, size_ - 7, size_ - 1}) {
      const Got got = get(url, offset);
      EXPECT_EQ(got.result.outcome, Outcome::complete) << got.result.reason;
      EXPECT_EQ(got.result.reason, "");
      EXPECT_EQ(got.begins, 1);
      EXPECT_EQ(got.offset, offset);
      EXPECT_EQ(got.size, size_);
      EXPECT_EQ(got.text, content_.substr(static_cast<std::size_t>(offset)));
    }
    EXPECT_EQ(get(url, size_ + 1).result.outcome, Outcome::bad_range);
  }
  EXPECT_EQ(server_.requests().at(0).agent, "test/1");
  EXPECT_EQ(get(http("file"), size_).result.outcome, Outcome::bad_range);
}

TEST_F(Transfers, BeginEvenWhereNothingFollows) {
  for (const std::string& url : {http("empty"), file("empty")}) {
    const Got got = get(url);
    EXPECT_EQ(got.result.outcome, Outcome::complete) << url << " " << got.result.reason;
    EXPECT_EQ(got.begins, 1) << url;
    EXPECT_EQ(got.size, 0) << url;
    EXPECT_EQ(got.text, "") << url;
  }
}

TEST_F(Transfers, TellWhenTheServerKnowsNoRanges) {
  server_.set_ranges(false);
  const Got got = get(http("file"), 1000);
  EXPECT_EQ(got.result.outcome, Outcome::complete);
  EXPECT_EQ(got.offset, 0);
  EXPECT_EQ(got.text, content_);
  server_.set_lengths(false);
  EXPECT_EQ(get(http("file"), 1000).text, content_);
  EXPECT_EQ(get(http("file")).size, std::nullopt);
}

TEST_F(Transfers, RefuseAnotherRangeThanTheyAskedFor) {
  server_.add_fault("/file", {.kind = Kind::wrong_range});
  const Got got = get(http("file"), 1000);
  EXPECT_EQ(got.result.outcome, Outcome::bad_range);
  EXPECT_EQ(got.result.reason, "HTTP 206 with another range than asked for");
  EXPECT_EQ(got.begins, 0);
}

TEST_F(Transfers, HideSecretsInUrls) {
  const std::pair<const char*, const char*> expected[] = {
      {"http://me:secret@host:80/a@b/c", "http://host:80/a@b/c"},
      {"https://token@host", "https://host"},
      {"http://me:p@ss@host/x", "http://host/x"},
      {"http://me:se/cret@host/x", "http://host/x"},
      {"http://me:s#cret@host/x", "http://host/x"},
      {"http://host/x?key=secret", "http://host/x?..."},
      {"http://host/x#secret", "http://host/x#..."},
      {"me:secret@host/x", "host/x"},
      {"http://host:80/a@b", "http://host:80/a@b"},
      {"file:///home/a@b", "file:///home/a@b"},
      {"", ""}};
  for (const auto& [url, shown] : expected) EXPECT_EQ(without_secrets(url), shown) << url;
  const Address address = split_credentials("http://m%20e:se%40cret@host/x");
  EXPECT_EQ(address.url, "http://host/x");
  EXPECT_EQ(address.user, "m e");
  EXPECT_EQ(address.password, "se@cret");
}

TEST_F(Transfers, EscapeNames) {
  EXPECT_EQ(url_path("a b#%.dat"), "a%20b%23%25.dat");
  EXPECT_EQ(url_path("x/1-2_3.~"), "x/1-2_3.~");
  EXPECT_EQ(url_path("ä?"), "%C3%A4%3F");
  EXPECT_EQ(get(http(url_path("a b#%.dat"))).text, "odd");
  EXPECT_EQ(get(file(url_path("a b#%.dat"))).text, "odd");
}

TEST_F(Transfers, TellWhatMayPassFromWhatDoesNot) {
  const std::pair<int, Outcome> expected[] = {
      {404, Outcome::absent},    {410, Outcome::absent},    {400, Outcome::refused},
      {401, Outcome::refused},   {403, Outcome::refused},   {408, Outcome::temporary},
      {416, Outcome::bad_range}, {429, Outcome::temporary}, {500, Outcome::temporary},
      {501, Outcome::refused},   {502, Outcome::temporary}, {503, Outcome::temporary},
      {504, Outcome::temporary}, {204, Outcome::refused}};
  for (const auto& [status, outcome] : expected) {
    server_.add_fault("/file", {.status = status});
    const Got got = get(http("file"));
    EXPECT_EQ(got.result.outcome, outcome) << status;
    EXPECT_EQ(got.result.reason, "HTTP " + std::to_string(status));
    EXPECT_EQ(got.begins, 0) << status;
    EXPECT_EQ(got.text, "") << status;
  }
  EXPECT_EQ(get(http("none")).result.outcome, Outcome::absent);
  EXPECT_EQ(get(file("none")).result.outcome, Outcome::absent);
  server_.add_fault("/file", {.status = 503, .retry_after = 7});
  EXPECT_EQ(get(http("file")).result.retry_after, std::chrono::seconds(7));
  EXPECT_EQ(get(http("file")).result.retry_after, std::nullopt);
}

TEST_F(Transfers, NoticeConnectionsThatEndOrStall) {
  server_.add_fault("/file", {.kind = Kind::truncate, .bytes = 1000});
  Got got = get(http("file"));
  EXPECT_EQ(got.result.outcome, Outcome::temporary);
  EXPECT_THAT(got.result.reason, AnyOf(HasSubstr("69007 bytes remaining"),  // libcurl 7
                                       HasSubstr("69007 bytes missing")));  // 8
  EXPECT_EQ(got.text, content_.substr(0, 1000));
  Transfer impatient{{.stall_timeout = milliseconds(500)}};
  for (const std::int64_t bytes : {0, 1000}) {
    server_.add_fault("/file", {.kind = Kind::stall, .bytes = bytes});
    got = get(impatient, http("file"), 0);
    EXPECT_EQ(got.result.outcome, Outcome::temporary);
    EXPECT_EQ(got.result.reason, "no data for 0.5 s");
    EXPECT_EQ(std::ssize(got.text), bytes);
  }
  // Slow is not stalled.
  server_.set_bytes_per_second(100'000);
  got = get(http("file"));
  EXPECT_EQ(got.result.outcome, Outcome::complete) << got.result.reason;
  EXPECT_EQ(got.text, content_);
}

TEST_F(Transfers, FollowRedirectsButNotToFiles) {
  server_.add_fault("/old", {.kind = Kind::redirect, .times = -1, .location = "/file"});
  const Got got = get(http("old"));
  EXPECT_EQ(got.result.outcome, Outcome::complete);
  EXPECT_EQ(got.result.final_url, http("file"));
  EXPECT_EQ(got.text, content_);
  server_.add_fault("/evil", {.kind = Kind::redirect, .location = file("file")});
  const Got evil = get(http("evil"));
  EXPECT_EQ(evil.result.outcome, Outcome::refused);
  EXPECT_EQ(evil.text, "");
  server_.add_fault("/round", {.kind = Kind::redirect, .times = -1, .location = "/round"});
  EXPECT_EQ(get(http("round")).result.outcome, Outcome::refused);
}

TEST_F(Transfers, TrustAnAddressOnlyOnceItHasAnswered) {
  std::string gone;
  {
    const HttpServer server(folder_.path());
    gone = server.url() + "/file";
    EXPECT_EQ(get(gone).result.outcome, Outcome::complete);
  }
  EXPECT_EQ(get(gone).result.outcome, Outcome::temporary);
  Transfer fresh{{}};
  const TransferResult never = fresh.get(
      gone, 0, [](auto, auto) {}, [](auto) {});
  EXPECT_EQ(never.outcome, Outcome::refused);
  EXPECT_THAT(never.reason, HasSubstr("127.0.0.1"));
  const TransferResult odd = fresh.get(
      "gopher://127.0.0.1/x", 0, [](auto, auto) {}, [](auto) {});
  EXPECT_EQ(odd.outcome, Outcome::refused);
}

TEST_F(Transfers, LetThroughWhatTheReceiverThrows) {
  EXPECT_ERROR(transfer_.get(
                   http("file"), 0, [](auto, auto) { fail("no begin"); }, [](auto) {}),
               "no begin");
  EXPECT_ERROR(transfer_.get(
                   file("file"), 0, [](auto, auto) {}, [](auto) { fail("no room"); }),
               "no room");
  EXPECT_EQ(get(http("file")).text, content_);  // and go on to work
}

}  // namespace
}  // namespace ekgine
