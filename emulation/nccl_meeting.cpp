#include "emulation/nccl_meeting.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <thread>

#include "emulation/operations.h"

namespace ekgine::emulation {

namespace {

using Clock = std::chrono::steady_clock;

// Seconds that the ranks of a round wait for the last one: EKGINE_EMULATED_PATIENCE, 60 at first.
std::chrono::seconds patience() {
  const char* const text = std::getenv("EKGINE_EMULATED_PATIENCE");
  return std::chrono::seconds(text == nullptr ? 60 : std::atoi(text));
}

// ------------------------------------------------------------------------------------- messages

enum class Kind : std::uint32_t { join, call, leave, answer, error };

struct Header {
  Kind kind = Kind::leave;
  Together what = Together::broadcast;
  std::int32_t rank = 0, count = 0, root = -1;
  std::uint32_t doubles = 0;
  std::uint32_t text = 0, place = 0;
  std::uint64_t bytes = 0;
};

struct Message {
  Header header = {};
  std::string text = {}, place = {};
  std::vector<char> bytes = {};
};

bool send_all(int socket, const void* data, std::size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t sent = ::send(socket, next, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    next += sent;
    bytes -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool receive_all(int socket, void* data, std::size_t bytes) {
  char* next = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = ::recv(socket, next, bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    next += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

bool send(int socket, Message message) {
  message.header.text = static_cast<std::uint32_t>(message.text.size());
  message.header.place = static_cast<std::uint32_t>(message.place.size());
  message.header.bytes = message.bytes.size();
  return send_all(socket, &message.header, sizeof message.header) &&
         send_all(socket, message.text.data(), message.text.size()) &&
         send_all(socket, message.place.data(), message.place.size()) &&
         send_all(socket, message.bytes.data(), message.bytes.size());
}

// None: the other side has ended.
std::optional<Message> receive(int socket) {
  Message message;
  if (!receive_all(socket, &message.header, sizeof message.header)) return std::nullopt;
  message.text.resize(message.header.text);
  message.place.resize(message.header.place);
  message.bytes.resize(message.header.bytes);
  if (!receive_all(socket, message.text.data(), message.text.size()) ||
      !receive_all(socket, message.place.data(), message.place.size()) ||
      !receive_all(socket, message.bytes.data(), message.bytes.size())) {
    return std::nullopt;
  }
  return message;
}

// An address without a file.
std::pair<sockaddr_un, socklen_t> address_of(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::min(name.size(), sizeof address.sun_path - 1);
  std::memcpy(address.sun_path + 1, name.data(), length);
  return {address, static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length)};
}

// ------------------------------------------------------------------------------------ the thread

struct Guest {
  int socket = -1;
  int rank = -1;
  std::string device = {};
  std::optional<Message> brought = {};  // of this round
  bool joined = false, gone = false;
};

std::string line_of(const Guest& guest) {
  return fmt::format("rank {}: {}{}{}", guest.rank, guest.brought->text,
                     guest.brought->place.empty() ? "" : ", called at ", guest.brought->place);
}

std::uint64_t mixed(std::uint64_t x) {
  x ^= x >> 33U;
  x *= 0xFF51AFD7ED558CCDU;
  x ^= x >> 33U;
  return x;
}

template <class T>
T combine(Together what, T a, T b) {
  switch (what) {
    case Together::largest:
      return std::max(a, b);
    case Together::smallest:
      return std::min(a, b);
    default:
      return a + b;
  }
}

class Host {
 public:
  explicit Host(int listening) : listening_(listening), thread_([this] { run(); }) {}
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() {
    ended_ = true;
    thread_.join();
    for (const Guest& guest : guests_) ::close(guest.socket);
    ::close(listening_);
  }

 private:
  void run() {
    while (!ended_) {
      std::vector<pollfd> watched = {{listening_, POLLIN, 0}};
      for (const Guest& guest : guests_) {
        watched.push_back({guest.gone ? -1 : guest.socket, POLLIN, 0});
      }
      ::poll(watched.data(), watched.size(), 20);
      if ((watched[0].revents & POLLIN) != 0) {
        const int socket = ::accept(listening_, nullptr, nullptr);
        if (socket >= 0) guests_.push_back({.socket = socket});
      }
      for (std::size_t i = 1; i < watched.size(); ++i) {
        if (watched[i].revents != 0) take(guests_[i - 1]);
      }
      look();
    }
  }

  void take(Guest& guest) {
    std::optional<Message> message = receive(guest.socket);
    if (!message || message->header.kind == Kind::leave) {
      guest.gone = true;
      if (guest.joined)
        gone_text_ = fmt::format("rank {} has {}", guest.rank, message ? "left" : "ended");
      return;
    }
    if (message->header.kind == Kind::join) {
      guest.rank = message->header.rank;
      guest.device = message->text;
      message->text = fmt::format("one of {} ranks", message->header.count);
      counts_.insert(message->header.count);
    }
    if (!error_.empty()) return refuse(guest);
    if (!since_) since_ = Clock::now();
    guest.brought = std::move(message);
  }

  void refuse(Guest& guest) {
    guest.brought.reset();
    send(guest.socket, {.header = {.kind = Kind::error}, .text = error_});
  }

  // Tells all that wait, and all that come.
  void end_with(const std::string& error) {
    error_ = error;
    for (Guest& guest : guests_) {
      if (guest.brought) refuse(guest);
    }
    since_.reset();
  }

  std::vector<Guest*> waiting() {
    std::vector<Guest*> found;
    for (Guest& guest : guests_) {
      if (guest.brought) found.push_back(&guest);
    }
    std::ranges::sort(found, {}, [](const Guest* guest) { return guest->rank; });
    return found;
  }

  void look() {
    const std::vector<Guest*> here = waiting();
    if (here.empty()) return;
    const int count = *counts_.begin();
    if (std::ssize(here) == count) {
      for (const Guest* guest : here) {
        if (guest->brought->text == here.front()->brought->text) continue;
        return end_with(
            fmt::format("the ranks disagree: {}; {}", line_of(*here.front()), line_of(*guest)));
      }
      return meet(here);
    }
    if (!gone_text_.empty()) {
      return end_with(fmt::format("{}, while others wait: {}", gone_text_, line_of(*here.front())));
    }
    if (Clock::now() - *since_ < patience()) return;
    std::string missing;
    for (int rank = 0; rank < count; ++rank) {
      if (std::ranges::none_of(here, [&](const Guest* g) { return g->rank == rank; })) {
        missing += fmt::format("{}{}", missing.empty() ? "" : ", ", rank);
      }
    }
    end_with(fmt::format("rank {} has not come, others wait: {}", missing, line_of(*here.front())));
  }

  void meet(const std::vector<Guest*>& here) {
    if (here.front()->brought->header.kind == Kind::join) {
      for (std::size_t i = 0; i < here.size(); ++i) {
        if (here[i]->rank != static_cast<int>(i)) {
          return end_with(fmt::format("there is no rank {}, or one twice", i));
        }
        for (std::size_t j = 0; j < i; ++j) {
          if (here[i]->device != here[j]->device) continue;
          return end_with(
              fmt::format("duplicate GPU: ranks {} and {} are both on {}", j, i, here[i]->device));
        }
      }
    }
    std::vector<Message> brought;
    brought.reserve(here.size());
    for (Guest* guest : here) brought.push_back(std::move(*guest->brought));
    since_.reset();
    const std::vector<char> result = result_of(brought);
    for (std::size_t i = 0; i < here.size(); ++i) {
      here[i]->brought.reset();
      here[i]->joined = true;
      const Header& header = brought[i].header;
      const bool gets = header.what == Together::broadcast || header.root < 0 ||
                        header.root == static_cast<int>(i);
      send(here[i]->socket,
           {.header = {.kind = Kind::answer}, .bytes = gets ? result : std::vector<char>()});
    }
  }

  static std::vector<char> result_of(const std::vector<Message>& brought) {
    const Header& header = brought.front().header;
    if (header.kind == Kind::join) return {};
    if (header.what == Together::broadcast) {
      return brought[static_cast<std::size_t>(header.root)].bytes;
    }
    return header.doubles != 0 ? combined<double>(brought) : combined<float>(brought);
  }

  template <class T>
  static std::vector<char> combined(const std::vector<Message>& brought) {
    const Together what = brought.front().header.what;
    const std::size_t ranks = brought.size(), n = brought.front().bytes.size() / sizeof(T);
    std::vector<char> result(n * sizeof(T));
    constexpr std::size_t block = 64;
    const std::uint64_t seed = operation_order();
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t first = seed == 0 ? 0 : mixed(seed + i / block) % ranks;
      T sum = 0;
      for (std::size_t k = 0; k < ranks; ++k) {
        T value = 0;
        std::memcpy(&value, brought[(first + k) % ranks].bytes.data() + i * sizeof value,
                    sizeof value);
        sum = k == 0 ? value : combine(what, sum, value);
      }
      if (what == Together::average) sum /= static_cast<T>(ranks);
      std::memcpy(result.data() + i * sizeof sum, &sum, sizeof sum);
    }
    return result;
  }

  int listening_;
  std::vector<Guest> guests_;
  std::set<std::int32_t> counts_;  // that ranks have told
  std::string error_, gone_text_;
  std::optional<Clock::time_point> since_;  // some wait
  std::atomic<bool> ended_ = false;
  std::thread thread_;  // the last: it uses the others
};

}  // namespace

std::string open_meeting() {
  static std::vector<std::unique_ptr<Host>> hosts;
  std::string name = fmt::format("ekgine-nccl-{}-{}", ::getpid(), hosts.size());
  const auto [address, length] = address_of(name);
  const int listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listening < 0 ||
      ::bind(listening, reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
      ::listen(listening, 64) != 0) {
    throw MeetingError{fmt::format("no socket: {}", std::strerror(errno))};
  }
  hosts.push_back(std::make_unique<Host>(listening));
  return name;
}

namespace {

std::vector<char> ask(int socket, Message message) {
  if (send(socket, std::move(message))) {
    if (std::optional<Message> answer = receive(socket)) {
      if (answer->header.kind == Kind::error) throw MeetingError{answer->text};
      return std::move(answer->bytes);
    }
  }
  throw MeetingError{"the process of the rank that made the id has ended"};
}

}  // namespace

Meeting::Meeting(const std::string& name, int rank, int count, const std::string& device) {
  const auto [address, length] = address_of(name);
  socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0 || ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    if (socket_ >= 0) ::close(socket_);
    throw MeetingError{
        "nobody answers to the id: it was not made by ncclGetUniqueId, or by a "
        "process that has ended"};
  }
  try {
    ask(socket_, {.header = {.kind = Kind::join, .rank = rank, .count = count}, .text = device});
  } catch (const MeetingError&) {
    ::close(socket_);
    throw;
  }
}

Meeting::~Meeting() {
  send(socket_, {.header = {.kind = Kind::leave}});
  ::close(socket_);
}

std::vector<char> Meeting::bring(const MeetingCall& call) {
  return ask(socket_, {.header = {.kind = Kind::call,
                                  .what = call.what,
                                  .root = call.root,
                                  .doubles = call.doubles},
                       .text = call.text,
                       .place = call.place,
                       .bytes = call.bytes});
}

}  // namespace ekgine::emulation
