// One file over https, http or file URLs, by libcurl.
//
// Follows redirects, but from https to https only. Obeys the usual environment (https_proxy,
// no_proxy). Nothing is tried twice here: the outcome says whether that may help.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ekgine {

struct TransferOptions {
  std::string agent = "ekgine";  // how requests introduce themselves
  std::chrono::milliseconds connect_timeout{30'000};
  std::chrono::milliseconds stall_timeout{30'000};  // without a byte arriving
  // Told to the hosts that are asked, but not to those they redirect to. Both empty: none.
  std::string user = {}, password = {};
};

struct TransferResult {
  enum class Outcome {
    complete,   // every byte has arrived, as far as the protocol can tell
    absent,     // there is no such file (HTTP 404 or 410)
    bad_range,  // there is nothing at the offset asked for
    temporary,  // trying again may help: overloaded, cut off, stalled
    refused,    // trying again does not help
  };
  Outcome outcome = Outcome::refused;
  std::string reason;                               // "HTTP 503"; empty when complete
  std::optional<std::chrono::seconds> retry_after;  // what the server asked to wait
  std::string final_url;                            // after redirects, without secrets
};

class Transfer {
 public:
  // Called once before the first byte: where in the file the bytes begin, which is 0 when the
  // server does not know ranges, and the size of the whole file where it is told.
  using Begin = std::function<void(std::int64_t offset, std::optional<std::int64_t> size)>;
  using Data = std::function<void(std::span<const char>)>;

  explicit Transfer(TransferOptions options);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer();

  // Gets what `url` names from byte `offset` on; of file URLs, regular files only. Connections are
  // kept for the next call. A server that was never reached is `refused`: nothing says yet that its
  // name is right. Lets through what the callbacks throw; throws Interrupted on Ctrl-C, within a
  // tenth of a second.
  TransferResult get(const std::string& url, std::int64_t offset, const Begin& begin,
                     const Data& data);

 private:
  struct Connection;
  TransferOptions options_;
  std::unique_ptr<Connection> connection_;
};

// A URL for people: without user and password, and with "..." for what follows a question mark or
// "#", where services put keys. Also of text that only resembles a URL.
std::string without_secrets(std::string_view url);

// `url` in three parts: itself without user and password, and these.
struct Address {
  std::string url, user, password;
};
Address split_credentials(const std::string& url);

// `path` as part of a URL: every byte but letters, digits and -._~/ becomes %XX.
std::string url_path(std::string_view path);

}  // namespace ekgine
