#include "base/regular_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace ekgine {

const char* kind_of_file(mode_t mode) {
  if (S_ISREG(mode)) return "a file";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISLNK(mode)) return "a symbolic link";
  return "a device";
}

RegularFile::RegularFile(std::filesystem::path path) : path_(std::move(path)) {
  struct stat info {};
  // Asked first, too: opening some devices does something.
  const bool found = ::stat(path_.c_str(), &info) == 0;
  if (found && S_ISREG(info.st_mode)) {
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  }
  if ((!found || S_ISREG(info.st_mode)) && (descriptor_ < 0 || ::fstat(descriptor_, &info) != 0)) {
    const int error = errno;
    if (descriptor_ >= 0) ::close(descriptor_);
    fail("{}: cannot open: {}", path_.string(), std::strerror(error));
  }
  if (!S_ISREG(info.st_mode)) {
    if (descriptor_ >= 0) ::close(descriptor_);
    fail("{}: is {}, expected a file", path_.string(), kind_of_file(info.st_mode));
  }
  size_ = info.st_size;
}

RegularFile::~RegularFile() {
  ::close(descriptor_);
}

std::size_t RegularFile::read(std::span<char> to) {
  std::size_t count = 0;
  // At the end one byte more is asked for than there should be.
  char beyond = 0;
  while (count < to.size()) {
    const std::int64_t left = size_ - done_;
    char* const place = left > 0 ? to.data() + count : &beyond;
    const std::size_t wanted =
        left > 0 ? std::min(to.size() - count, static_cast<std::size_t>(left)) : 1;
    const ssize_t n = ::read(descriptor_, place, wanted);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("{}: cannot read: {}", path_.string(), std::strerror(errno));
    if (n > 0 && left <= 0) fail("{}: grew while it was read", path_.string());
    if (n == 0 && left > 0) fail("{}: shrank while it was read", path_.string());
    if (n == 0) break;
    count += static_cast<std::size_t>(n);
    done_ += n;
  }
  return count;
}

void RegularFile::skip(std::int64_t bytes) {
  done_ += bytes;
  if (::lseek(descriptor_, done_, SEEK_SET) != done_) {
    fail("{}: cannot read: {}", path_.string(), std::strerror(errno));
  }
}

}  // namespace ekgine
