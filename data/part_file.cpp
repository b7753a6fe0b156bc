#include "data/part_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

std::string reason() {
  return std::strerror(errno);
}

}  // namespace

PartFile::PartFile(fs::path path)
    : path_(std::move(path)),
      fd_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)) {
  if (fd_ < 0) fail("{}: cannot write: {}", path_.string(), reason());
  std::vector<char> buffer(std::size_t{1} << 18);
  for (;;) {
    const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const std::string why = reason();
      ::close(fd_);
      fail("{}: cannot read: {}", path_.string(), why);
    }
    if (n == 0) break;
    sum_.update({buffer.data(), static_cast<std::size_t>(n)});
    size_ += n;
  }
}

PartFile::~PartFile() {
  ::close(fd_);
  if (size_ == 0) ::unlink(path_.c_str());
}

void PartFile::append(std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("{}: cannot write: {}", path_.string(), reason());
    const auto written = static_cast<std::size_t>(n);
    sum_.update(bytes.first(written));
    bytes = bytes.subspan(written);
    size_ += n;
  }
}

void PartFile::start_over() {
  if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0) {
    fail("{}: cannot write: {}", path_.string(), reason());
  }
  size_ = 0;
  sum_ = Sha256();
}

}  // namespace ekgine
