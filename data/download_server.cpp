#include "data/download_server.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <string_view>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/option_error.h"
#include "data/checksums.h"
#include "data/download_lists.h"

namespace ekgine {

using Outcome = TransferResult::Outcome;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds longest_delay{60'000};

// The version that the documentation and the results of this project are about.
constexpr std::string_view default_database = "mitdb", default_version = "1.0.0";

// The usual version of a database that was named without one; empty where there is none.
std::string usual_version(const std::string& database) {
  return std::string(database == default_database ? default_version : std::string_view());
}

// Why there is none, where the answer was a page or an error.
std::string wanted_login(const std::string& url, const TransferResult& got) {
  if (got.final_url == url) {
    return fmt::format("{}: is a web page, expected a list; the database may want a login", url);
  }
  return fmt::format("{}: leads to a web page, {}: the database wants a login", url, got.final_url);
}
std::string refusal(const TransferResult& got) {
  const bool login = got.reason == "HTTP 401" || got.reason == "HTTP 403";
  return got.reason + (login ? ": the database wants a login that is allowed to read it" : "");
}

TransferOptions transfer_options(const DownloadOptions& options, const Address& mirror) {
  TransferOptions transfer = options.transfer;
  transfer.user = mirror.user;
  transfer.password = mirror.password;
  return transfer;
}

void check_mirror(const std::string& mirror) {
  if (mirror.empty()) return;
  const bool known = mirror.starts_with("https://") || mirror.starts_with("http://") ||
                     mirror.starts_with("file:///");
  if (!known || mirror.find_first_of("?# ") != std::string::npos) {
    fail_option(
        {"mirror"},
        "mirror '{}': is no https, http or file URL of a folder (file:///home/me/mitdb, say)",
        mirror);
  }
}

}  // namespace

DownloadServer::DownloadServer(const DownloadOptions& options,
                               const std::function<void(const std::string&)>& say)
    : options_(options),
      mirror_(split_credentials(options.mirror)),
      say_(say),
      transfer_(transfer_options(options, mirror_)) {
  check_mirror(mirror_.url);
}

// The version that PhysioNet's page of the database leads to.
std::string DownloadServer::latest_version(const std::string& database) {
  const std::string page = fmt::format("{}/content/{}/", options_.site, database);
  const TransferResult found = retried(
      page,
      [&] {
        return transfer_.get(
            page, 0, [](auto, auto) {}, [](auto) {});
      },
      [] { return std::int64_t{0}; });
  if (found.outcome == Outcome::absent) {
    fail("{}: {}; there is no database of this name", page, found.reason);
  }
  if (found.outcome != Outcome::complete) fail("{}: {}", page, found.reason);
  std::string_view version = found.final_url;
  if (version.starts_with(page)) {
    version.remove_prefix(page.size());
    version = version.substr(0, version.find('/'));
  } else {
    version = {};
  }
  if (version.empty()) {
    fail("{}: leads to {}, expected the page of a version; name it: {}/VERSION", page,
         found.final_url, database);
  }
  return std::string(version);
}

DownloadServer::Source DownloadServer::find(const std::string& database,
                                            const std::string& version) {
  Source source{.url = {}, .version = version, .sums = {}};
  const auto is_at = [&](const std::string& folder) {
    std::optional<std::string> text = get_text(folder + "/" + checksums_file);
    if (!text) return false;
    source.url = folder;
    source.sums = std::move(*text);
    return true;
  };
  if (!mirror_.url.empty()) {
    std::string folder = mirror_.url;
    while (folder.ends_with('/')) folder.pop_back();
    if (is_at(folder)) return source;
    if (version.empty()) source.version = usual_version(database);
    if (source.version.empty()) {
      fail("{}/{}: not found; for a mirror laid out as PhysioNet name the version: {}/VERSION",
           folder, checksums_file, database);
    }
    const std::string inner = fmt::format("{}/{}/{}", folder, database, source.version);
    if (is_at(inner)) return source;
    fail("{}/{}: not found, nor {}/{}; expected a folder with a database", folder, checksums_file,
         inner, checksums_file);
  }
  if (version.empty()) source.version = usual_version(database);
  if (source.version.empty()) source.version = latest_version(database);
  const std::string folder = fmt::format("{}/files/{}/{}", options_.site, database, source.version);
  if (!is_at(folder)) {
    fail("{}/{}: not found; is there a database {} of version {}?", folder, checksums_file,
         database, source.version);
  }
  return source;
}

TransferResult DownloadServer::retried(const std::string& url,
                                       const std::function<TransferResult()>& attempt,
                                       const std::function<std::int64_t()>& arrived) {
  std::int64_t most = 0;
  for (int failures = 0;;) {
    TransferResult result = attempt();
    if (result.outcome != Outcome::temporary) return result;
    // A long file over a bad line is no reason to give up as long as more of it arrives.
    if (arrived() > most) {
      most = arrived();
      failures = 0;
    }
    ++failures;
    if (failures > options_.retries) {
      fail("{}: {}, {} attempts in a row; the same command goes on with what has arrived", url,
           result.reason, failures);
    }
    milliseconds delay = options_.first_delay * (1LL << std::min(failures - 1, 20));
    if (result.retry_after) delay = std::max<milliseconds>(delay, *result.retry_after);
    delay = std::min(delay, longest_delay);
    if (say_) {
      say_(fmt::format("{}: {}; again in {:.0f} s", url, result.reason,
                       std::chrono::duration<double>(delay).count()));
    }
    const auto until = std::chrono::steady_clock::now() + delay;
    while (std::chrono::steady_clock::now() < until) {
      throw_if_interrupted();
      std::this_thread::sleep_for(std::min(delay, milliseconds(50)));
    }
  }
}

std::optional<std::string> DownloadServer::get_text(const std::string& url) {
  std::string text;
  const TransferResult got = retried(
      url,
      [&] {
        text.clear();
        return transfer_.get(
            url, 0, [&](auto, auto size) { check_list_size(url, size.value_or(0)); },
            [&](std::span<const char> bytes) {
              check_list_size(url, std::ssize(text) + std::ssize(bytes));
              text.append(bytes.data(), bytes.size());
            });
      },
      [] { return std::int64_t{0}; });
  if (got.outcome == Outcome::absent) return std::nullopt;
  if (got.outcome != Outcome::complete) fail("{}: {}", url, refusal(got));
  if (is_web_page(text)) fail("{}", wanted_login(url, got));
  return text;
}

void DownloadServer::fetch(const std::string& url, const std::string& expected, PartFile& part,
                           const Watch& watch) {
  std::optional<std::int64_t> told;
  bool page = false;
  const auto attempt = [&] {
    return transfer_.get(
        url, part.size(),
        [&](std::int64_t offset, std::optional<std::int64_t> size) {
          if (offset != part.size()) part.start_over();
          told = size;
          if (told) check_room(part.path(), *told - offset);
          watch.begins(size.value_or(offset) - offset);
        },
        [&](std::span<const char> bytes) {
          if (part.size() + std::ssize(bytes) > told.value_or(options_.largest_untold)) {
            part.start_over();
            fail(
                "{}: more arrives than {} bytes, {}", url, told.value_or(options_.largest_untold),
                told ? "the size that was announced" : "the most of a file whose size is not told");
          }
          if (part.size() == 0) page = is_web_page({bytes.data(), bytes.size()});
          part.append(bytes);
          watch.arrives(std::ssize(bytes));
        });
  };
  for (const bool last : {false, true}) {
    TransferResult got = retried(url, attempt, [&] { return part.size(); });
    if (got.outcome == Outcome::bad_range && part.size() > 0) {
      // What is there is longer than the file: not a part of it.
      part.start_over();
      got = retried(url, attempt, [&] { return part.size(); });
    }
    if (got.outcome == Outcome::absent) {
      fail("{}: not found ({}), though {} lists it", url, got.reason, checksums_file);
    }
    if (got.outcome != Outcome::complete) fail("{}: {}", url, refusal(got));
    const std::string found = part.sha256();
    if (found == expected) return;
    part.start_over();
    if (page && got.final_url != url) fail("{}", wanted_login(url, got));
    if (last) {
      fail("{}: has SHA-256 {}, expected {} ({}), also when fetched again", url, found, expected,
           checksums_file);
    }
    if (say_) {
      say_(fmt::format("{}: has another SHA-256 than {} lists; again from its start", url,
                       checksums_file));
    }
  }
}

}  // namespace ekgine
