// A web server that misbehaves on request: serves the files of a folder on 127.0.0.1, from threads
// of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace ekgine::testing {

struct HttpFault {
  enum class Kind {
    truncate,     // closes the connection after `bytes` of the body
    stall,        // sends `bytes` of the body and then nothing, until the client goes away
    corrupt,      // changes byte number `bytes` of the file
    status,       // answers with `status` and a page of text
    redirect,     // to `location`
    wrong_range,  // answers a range with another one
    claim,        // announces `bytes` bytes
    endless,      // announces no size and never stops
    long_head,    // never stops sending lines of the head
  };
  Kind kind = Kind::status;
  std::int64_t bytes = 0;
  int status = 503;
  int retry_after = 0;  // seconds; 0: not told
  int times = 1;        // how many requests; −1: all
  std::string location = {};
};

struct HttpRequest {
  std::string path;         // "/100.dat"
  std::int64_t offset = 0;  // of its Range
  std::string agent;
  std::string authorization;
};

class HttpServer {
 public:
  // Also keeps HTTP clients of this process and its children from asking a proxy for it.
  explicit HttpServer(std::filesystem::path root);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  std::string url() const;  // "http://127.0.0.1:PORT", no slash

  void add_fault(const std::string& path, const HttpFault& fault);
  void set_ranges(bool known) { ranges_ = known; }
  // Bodies without Content-Length, which end where the connection does.
  void set_lengths(bool told) { lengths_ = told; }
  // 0: as fast as it can.
  void set_bytes_per_second(std::int64_t rate) { rate_ = rate; }

  std::vector<HttpRequest> requests() const;
  void forget_requests();
  std::int64_t body_bytes() const { return body_bytes_; }  // sent in all

 private:
  void accept_clients();
  void serve(int client);
  bool answer(int client, const std::string& request);
  bool send_all(int client, std::string_view bytes, bool body);
  void wait_for_end(int client) const;

  const std::filesystem::path root_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false, ranges_ = true, lengths_ = true;
  std::atomic<std::int64_t> rate_ = 0, body_bytes_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<HttpFault>> faults_;
  std::vector<HttpRequest> requests_;
  std::set<int> clients_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace ekgine::testing
