#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "base/atomic_file.h"

namespace ekgine::testing {

namespace fs = std::filesystem;

namespace {

std::string reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 206:
      return "Partial Content";
    case 302:
      return "Found";
    case 404:
      return "Not Found";
    case 416:
      return "Range Not Satisfiable";
    default:
      return "Trouble";
  }
}

std::string decoded(std::string_view path) {
  std::string text;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%' && i + 2 < path.size()) {
      text += static_cast<char>(std::stoi(std::string(path.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      text += path[i];
    }
  }
  return text;
}

// The value of a header line, or "".
std::string header(const std::string& request, const std::string& name) {
  const std::size_t at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const std::size_t start = at + name.size() + 4;
  return request.substr(start, request.find("\r\n", start) - start);
}

}  // namespace

HttpServer::HttpServer(fs::path root) : root_(std::move(root)) {
  setenv("no_proxy", "127.0.0.1", 1);
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("cannot listen on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_clients(); });
}

HttpServer::~HttpServer() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int client : clients_) shutdown(client, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
}

std::string HttpServer::url() const {
  return "http://127.0.0.1:" + std::to_string(port_);
}

void HttpServer::add_fault(const std::string& path, const HttpFault& fault) {
  const std::lock_guard lock(mutex_);
  faults_[path].push_back(fault);
}

std::vector<HttpRequest> HttpServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HttpServer::forget_requests() {
  const std::lock_guard lock(mutex_);
  requests_.clear();
}

void HttpServer::accept_clients() {
  while (!stopping_) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const std::lock_guard lock(mutex_);
    clients_.insert(client);
    threads_.emplace_back([this, client] { serve(client); });
  }
}

void HttpServer::serve(int client) {
  std::string input;
  std::array<char, 4096> buffer{};
  for (bool open = true; open;) {
    const std::size_t end = input.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::string request = input.substr(0, end + 2);
      input.erase(0, end + 4);
      open = answer(client, request);
      continue;
    }
    const ssize_t n = recv(client, buffer.data(), buffer.size(), 0);
    open = n > 0;
    if (open) input.append(buffer.data(), static_cast<std::size_t>(n));
  }
  const std::lock_guard lock(mutex_);
  clients_.erase(client);
  close(client);
}

// Sends the answer; false when the connection ends with it.
bool HttpServer::answer(int client, const std::string& request) {
  const std::size_t space = request.find(' ');
  const std::string path =
      decoded(request.substr(space + 1, request.find(' ', space + 1) - space - 1));
  const std::string range = header(request, "Range");
  std::optional<std::int64_t> offset;
  if (range.starts_with("bytes=")) offset = std::stoll(range.substr(6));

  std::optional<HttpFault> fault;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back({path, offset.value_or(0), header(request, "User-Agent"),
                         header(request, "Authorization")});
    for (HttpFault& candidate : faults_[path]) {
      if (candidate.times == 0) continue;
      if (candidate.times > 0) --candidate.times;
      fault = candidate;
      break;
    }
  }
  const auto is = [&](HttpFault::Kind kind) { return fault && fault->kind == kind; };

  int status = 200;
  std::string body, extra;
  const bool exists = fs::is_regular_file(root_.string() + path);
  if (is(HttpFault::Kind::status)) {
    status = fault->status;
    if (fault->retry_after > 0)
      extra = "Retry-After: " + std::to_string(fault->retry_after) + "\r\n";
  } else if (is(HttpFault::Kind::redirect)) {
    status = 302;
    extra = "Location: " + fault->location + "\r\n";
  } else if (!exists) {
    status = 404;
  }
  if (status == 204) {
    body = "";  // by definition
  } else if (status != 200) {
    body = "<html>a page about " + std::to_string(status) + "</html>";
  } else {
    body = read_file(root_.string() + path);
    if (is(HttpFault::Kind::corrupt)) body.at(static_cast<std::size_t>(fault->bytes)) ^= 1;
    if (offset && ranges_) {
      const auto size = static_cast<std::int64_t>(body.size());
      if (*offset >= size) {
        status = 416;
        extra = "Content-Range: bytes */" + std::to_string(size) + "\r\n";
        body = "<html>no such range</html>";
      } else {
        status = 206;
        const std::int64_t told = is(HttpFault::Kind::wrong_range) ? *offset + 1 : *offset;
        extra = "Content-Range: bytes " + std::to_string(told) + "-" + std::to_string(size - 1) +
                "/" + std::to_string(size) + "\r\n";
        body.erase(0, static_cast<std::size_t>(*offset));
      }
    }
  }

  std::string head =
      "HTTP/1.1 " + std::to_string(status) + " " + reason_of(status) + "\r\n" + extra;
  const bool endless = is(HttpFault::Kind::endless) || is(HttpFault::Kind::long_head);
  if (is(HttpFault::Kind::claim)) {
    head += "Content-Length: " + std::to_string(fault->bytes) + "\r\n";
  } else if (lengths_ && !endless) {
    head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  } else {
    head += "Connection: close\r\n";
  }
  if (is(HttpFault::Kind::long_head)) {
    while (!stopping_ && send_all(client, head, false))
      head = "X: " + std::string(1000, 'x') + "\r\n";
    return false;
  }
  if (!send_all(client, head + "\r\n", false)) return false;
  if (is(HttpFault::Kind::endless)) {
    while (!stopping_ && send_all(client, std::string(1 << 16, 'x'), true)) continue;
    return false;
  }
  std::string_view sent = body;
  if (is(HttpFault::Kind::truncate) || is(HttpFault::Kind::stall)) {
    sent = sent.substr(0, static_cast<std::size_t>(fault->bytes));
  }
  if (!send_all(client, sent, true)) return false;
  if (is(HttpFault::Kind::truncate)) {
    shutdown(client, SHUT_RDWR);
    return false;
  }
  if (is(HttpFault::Kind::stall)) {
    wait_for_end(client);
    return false;
  }
  if (!lengths_) shutdown(client, SHUT_RDWR);
  return lengths_;
}

bool HttpServer::send_all(int client, std::string_view bytes, bool body) {
  const std::int64_t rate = body ? rate_.load() : 0;
  while (!bytes.empty()) {
    // With a rate: a hundredth of a second's worth at a time.
    const std::size_t piece =
        rate > 0 ? std::min(bytes.size(), static_cast<std::size_t>(rate / 100 + 1)) : bytes.size();
    const ssize_t n = send(client, bytes.data(), piece, MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
    if (body) body_bytes_ += n;
    if (rate > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

void HttpServer::wait_for_end(int client) const {
  while (!stopping_) {
    pollfd readable{client, POLLIN, 0};
    char byte = 0;
    if (poll(&readable, 1, 20) > 0 && recv(client, &byte, 1, 0) <= 0) return;
  }
}

}  // namespace ekgine::testing
