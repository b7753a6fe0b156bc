#include "data/transfer.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <exception>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/interrupt.h"

namespace ekgine {

namespace {

using Clock = std::chrono::steady_clock;
using Outcome = TransferResult::Outcome;

// How long a signal or a stall can go unnoticed.
constexpr std::chrono::milliseconds longest_wait{100};

// Of the heads of an answer and its redirects. Some versions of libcurl have a limit of their own,
// 300 KiB, but name no reason.
constexpr std::size_t largest_head = std::size_t{1} << 18;

// What a callback returns that is to end the transfer. Later versions of libcurl have a name for
// it.
constexpr std::size_t give_up = 0xFFFFFFFF;

constexpr long http_ok = 200, http_partial = 206, http_bad_range = 416;

void initialise_curl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) fail("libcurl does not start: {}", curl_easy_strerror(code));
}

// "bytes 100-199/200" → 100, 200; the size may be "*".
struct ContentRange {
  std::int64_t offset = -1;  // −1: not of this form
  std::optional<std::int64_t> size;
};
ContentRange parse_content_range(std::string_view text) {
  constexpr std::string_view unit = "bytes ";
  ContentRange range;
  if (!text.starts_with(unit)) return range;
  text.remove_prefix(unit.size());
  std::from_chars(text.data(), text.data() + text.size(), range.offset);
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return range;
  text.remove_prefix(slash + 1);
  std::int64_t size = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), size).ec == std::errc()) {
    range.size = size;
  }
  return range;
}

// The value of a line "Content-Range: VALUE" of an answer's head, in any case; else nothing.
// (libcurl takes heads apart itself from 7.83 on.)
std::optional<std::string_view> content_range_of(std::string_view line) {
  constexpr std::string_view name = "content-range:";
  const auto same = [](char wanted, unsigned char found) { return wanted == std::tolower(found); };
  if (line.size() < name.size() || !std::equal(name.begin(), name.end(), line.begin(), same)) {
    return std::nullopt;
  }
  line.remove_prefix(std::min(line.find_first_not_of(" \t", name.size()), line.size()));
  return line;
}

// Which protocols an address may have, and which those that it leads to.
#if LIBCURL_VERSION_NUM >= 0x075500  // 7.85
void allow_protocols(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http,file");
}
void allow_redirects(CURL* easy, bool secure_only) {
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, secure_only ? "https" : "https,http");
}
#else
void allow_protocols(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
                   long{CURLPROTO_HTTPS | CURLPROTO_HTTP | CURLPROTO_FILE});
}
void allow_redirects(CURL* easy, bool secure_only) {
  constexpr long secure = CURLPROTO_HTTPS;
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, secure_only ? secure : secure | CURLPROTO_HTTP);
}
#endif

// What one call of get() and libcurl's callback share.
struct Receiver {
  CURL* easy;
  std::int64_t asked;  // offset
  const Transfer::Begin& begin;
  const Transfer::Data& data;
  bool begun = false;
  bool wrong_answer = false;  // neither the file nor the range
  std::size_t head = 0;       // bytes
  ContentRange range = {};    // of the last head
  Clock::time_point last_byte = Clock::now();
  std::exception_ptr thrown = {};  // by a callback: it must not fly through libcurl

  // False when the answer is neither the file nor the range.
  bool start() {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    std::int64_t offset = 0;
    std::optional<std::int64_t> size;
    curl_off_t length = -1;
    curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (status == http_partial) {
      if (asked == 0 || range.offset != asked) return false;
      offset = asked;
      size = range.size;
    } else if (status == http_ok) {
      if (length >= 0) size = length;
    } else if (status == 0) {  // a file URL; there ranges always work
      offset = asked;
      if (length >= 0) size = asked + length;
    } else {
      return false;
    }
    begun = true;
    begin(offset, size);
    return true;
  }
};

std::size_t receive(char* bytes, std::size_t, std::size_t count, void* user) {
  auto& receiver = *static_cast<Receiver*>(user);
  receiver.last_byte = Clock::now();
  try {
    if (!receiver.begun && !receiver.start()) {
      receiver.wrong_answer = true;
      return give_up;
    }
    receiver.data({bytes, count});
    return count;
  } catch (...) {
    receiver.thrown = std::current_exception();
    return give_up;
  }
}

// A line of an answer's head: the server is alive.
std::size_t hear(char* bytes, std::size_t, std::size_t count, void* user) {
  auto& receiver = *static_cast<Receiver*>(user);
  receiver.last_byte = Clock::now();
  receiver.head += count;
  const std::string_view line(bytes, count);
  if (line.starts_with("HTTP/")) receiver.range = {};
  if (const auto value = content_range_of(line)) receiver.range = parse_content_range(*value);
  return receiver.head <= largest_head ? count : 0;  // 0: an error
}

// A handle added to a multi handle, for as long as this lives.
class Added {
 public:
  Added(CURLM* multi, CURL* easy) : multi_(multi), easy_(easy) {
    const CURLMcode code = curl_multi_add_handle(multi_, easy_);
    if (code != CURLM_OK) fail("libcurl: {}", curl_multi_strerror(code));
  }
  Added(const Added&) = delete;
  ~Added() { curl_multi_remove_handle(multi_, easy_); }

 private:
  CURLM* multi_;
  CURL* easy_;
};

std::string in_seconds(std::chrono::milliseconds time) {
  return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

// A file URL of what libcurl would wait for, or read without end: a FIFO, a device, a folder.
bool is_special_file(CURL* easy, const std::string& url) {
  constexpr std::string_view scheme = "file://";
  if (!url.starts_with(scheme)) return false;
  const std::unique_ptr<char, void (*)(void*)> path(
      curl_easy_unescape(easy, url.c_str() + scheme.size(), 0, nullptr), curl_free);
  std::error_code none;
  return path && std::filesystem::exists(path.get(), none) &&
         !std::filesystem::is_regular_file(path.get(), none);
}

Outcome outcome_of_status(long status) {
  constexpr std::array passing{408L, 425L, 429L, 500L, 502L, 503L, 504L};
  if (status == 404 || status == 410) return Outcome::absent;
  if (status == http_bad_range) return Outcome::bad_range;
  return std::ranges::find(passing, status) != passing.end() ? Outcome::temporary
                                                             : Outcome::refused;
}

// What libcurl failed with; `reached`: the server had answered before.
Outcome outcome_of_failure(CURLcode code, bool reached) {
  switch (code) {
    case CURLE_FILE_COULDNT_READ_FILE:
      return Outcome::absent;
    case CURLE_BAD_DOWNLOAD_RESUME:
    case CURLE_RANGE_ERROR:
      return Outcome::bad_range;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:  // of connecting: nothing else has a limit of libcurl's
      return reached ? Outcome::temporary : Outcome::refused;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return Outcome::temporary;
    default:
      return Outcome::refused;
  }
}

}  // namespace

struct Transfer::Connection {
  CURL* easy;
  CURLM* multi;
  std::array<char, CURL_ERROR_SIZE> error{};
  bool reached = false;  // something has answered

  Connection() : easy(curl_easy_init()), multi(curl_multi_init()) {}
  Connection(const Connection&) = delete;
  ~Connection() {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }

  // Asks for what the receiver wants. It is not moved until run() has returned.
  void prepare(const std::string& url, Receiver& receiver);
  // Runs to the end, and returns how it went; nothing where it was given up, since no byte had come
  // for so long. Lets through what the receiver's callbacks threw.
  std::optional<CURLcode> run(const std::string& url, const Receiver& receiver,
                              std::chrono::milliseconds stall_timeout);
};

void Transfer::Connection::prepare(const std::string& url, Receiver& receiver) {
  const std::string range = receiver.asked > 0 ? fmt::format("{}-", receiver.asked) : "";
  error[0] = '\0';
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_RANGE, range.empty() ? nullptr : range.c_str());
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &receiver);
  allow_redirects(easy, url.starts_with("https:"));
}

std::optional<CURLcode> Transfer::Connection::run(const std::string& url, const Receiver& receiver,
                                                  std::chrono::milliseconds stall_timeout) {
  std::optional<CURLcode> code = CURLE_OK;
  {
    const Added added(multi, easy);
    for (int running = 1; running > 0;) {
      CURLMcode failure = curl_multi_perform(multi, &running);
      if (failure == CURLM_OK && running > 0) {
        failure =
            curl_multi_poll(multi, nullptr, 0, static_cast<int>(longest_wait.count()), nullptr);
      }
      if (failure != CURLM_OK) fail("{}: libcurl: {}", url, curl_multi_strerror(failure));
      throw_if_interrupted();
      if (running > 0 && Clock::now() - receiver.last_byte > stall_timeout) {
        code = std::nullopt;
        break;
      }
    }
    int left = 0;
    const CURLMsg* message = curl_multi_info_read(multi, &left);
    if (code && message != nullptr) code = message->data.result;
  }
  if (receiver.thrown) std::rethrow_exception(receiver.thrown);
  return code;
}

Transfer::Transfer(TransferOptions options) : options_(std::move(options)) {
  initialise_curl();
  connection_ = std::make_unique<Connection>();
  CURL* const easy = connection_->easy;
  if (easy == nullptr || connection_->multi == nullptr) fail("libcurl does not start");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.agent.c_str());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);  // of an error's page nothing is wanted
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 10L);
  allow_protocols(easy);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, options_.connect_timeout.count());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, connection_->error.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, hear);
  if (!options_.user.empty() || !options_.password.empty()) {
    curl_easy_setopt(easy, CURLOPT_USERNAME, options_.user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, options_.password.c_str());
  }
}

Transfer::~Transfer() = default;

TransferResult Transfer::get(const std::string& url, std::int64_t offset, const Begin& begin,
                             const Data& data) {
  CURL* const easy = connection_->easy;
  TransferResult result;
  if (is_special_file(easy, url)) {
    result.reason = "is no regular file";
    return result;
  }
  Receiver receiver{.easy = easy, .asked = offset, .begin = begin, .data = data};
  connection_->prepare(url, receiver);
  const std::optional<CURLcode> code = connection_->run(url, receiver, options_.stall_timeout);

  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  const char* final_url = nullptr;
  curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &final_url);
  result.final_url = without_secrets(final_url != nullptr ? final_url : url);
  curl_off_t wait = 0;
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &wait);
  if (wait > 0) result.retry_after = std::chrono::seconds(wait);

  const bool reached_before = connection_->reached;
  if (status != 0 || receiver.begun) connection_->reached = true;
  if (!code) {
    result.outcome = Outcome::temporary;
    result.reason = fmt::format("no data for {}", in_seconds(options_.stall_timeout));
    return result;
  }
  // A file without a byte has not begun yet.
  if (code == CURLE_OK && !receiver.begun) receiver.wrong_answer = !receiver.start();
  if (receiver.wrong_answer) {
    result.reason = status == http_partial ? "HTTP 206 with another range than asked for"
                                           : fmt::format("HTTP {}", status);
    result.outcome = status == http_partial ? Outcome::bad_range : Outcome::refused;
  } else if (receiver.head > largest_head) {
    result.reason = fmt::format("an answer's head of more than {} bytes", largest_head);
  } else if (code == CURLE_OK) {
    result.outcome = Outcome::complete;
  } else if (code == CURLE_HTTP_RETURNED_ERROR) {
    result.outcome = outcome_of_status(status);
    result.reason = fmt::format("HTTP {}", status);
  } else {
    result.outcome = outcome_of_failure(*code, reached_before);
    result.reason = connection_->error.data();
    if (code == CURLE_OPERATION_TIMEDOUT) {
      result.reason = fmt::format("no connection within {}", in_seconds(options_.connect_timeout));
    } else if (result.reason.empty()) {
      result.reason = curl_easy_strerror(*code);
    }
  }
  return result;
}

std::string without_secrets(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t end = std::min(url.find_first_of("/?#", host), url.size());
  const std::string_view authority = url.substr(0, end);
  std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) {
    // A port is a number: else this is a password that holds a "/", "?" or "#" as it is.
    const std::size_t colon = authority.find(':', host);
    const bool is_port =
        colon == std::string_view::npos ||
        authority.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
    if (!is_port) at = url.rfind('@');
  }
  std::string text(url.substr(0, host));
  if (at != std::string_view::npos && at >= host) {
    url.remove_prefix(at + 1);
  } else {
    url.remove_prefix(host);
  }
  const std::size_t query = url.find_first_of("?#");
  text += url.substr(0, query);
  if (query != std::string_view::npos) text += std::string(1, url[query]) + "...";
  return text;
}

Address split_credentials(const std::string& url) {
  Address address{.url = without_secrets(url), .user = {}, .password = {}};
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), curl_url_cleanup);
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return address;
  }
  const auto part = [&parsed](CURLUPart what) {
    char* text = nullptr;
    if (curl_url_get(parsed.get(), what, &text, CURLU_URLDECODE) != CURLUE_OK) return std::string();
    std::string copy(text);
    curl_free(text);
    return copy;
  };
  address.user = part(CURLUPART_USER);
  address.password = part(CURLUPART_PASSWORD);
  return address;
}

std::string url_path(std::string_view path) {
  constexpr std::string_view plain = "-._~/";
  std::string escaped;
  for (const char c : path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || plain.find(c) != std::string_view::npos) {
      escaped += c;
    } else {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return escaped;
}

}  // namespace ekgine
