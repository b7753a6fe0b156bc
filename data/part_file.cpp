#include "data/part_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

// How much is written between two looks at the disk.
constexpr std::int64_t between_checks = std::int64_t{1} << 26;

constexpr std::uintmax_t largest_reserve = std::uintmax_t{1} << 30;

std::string reason() {
  return std::strerror(errno);
}

}  // namespace

PartFile::PartFile(fs::path path)
    : path_(std::move(path)),
      // O_NONBLOCK: a FIFO is refused, not waited for.
      fd_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644)) {
  if (fd_ < 0) fail("{}: cannot write: {}", path_.string(), reason());
  struct stat info {};
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd_);
    fail("{}: is no regular file", path_.string());
  }
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
  unchecked_ += std::ssize(bytes);
  if (unchecked_ > between_checks) {
    check_room(path_, unchecked_);
    unchecked_ = 0;
  }
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

void check_room(const fs::path& path, std::int64_t bytes) {
  std::error_code error;
  const fs::space_info disk = fs::space(path, error);
  if (error) return;  // the file system does not tell; a full disk is still an error
  const std::uintmax_t reserve = std::min(disk.capacity / 20, largest_reserve);
  const std::uintmax_t room = disk.available > reserve ? disk.available - reserve : 0;
  if (bytes > 0 && static_cast<std::uintmax_t>(bytes) > room) {
    fail("{}: {} bytes more do not fit on the disk: {} are free, of which {} are left to others",
         path.string(), bytes, disk.available, reserve);
  }
}

void check_place(const fs::path& folder, const std::string& name) {
  for (std::size_t slash = name.find('/');; slash = name.find('/', slash + 1)) {
    const bool is_end = slash == std::string::npos;
    const fs::path path = folder / name.substr(0, slash);
    std::error_code none;
    const fs::file_type type = fs::symlink_status(path, none).type();
    if (type == fs::file_type::not_found) return;
    if (type == fs::file_type::symlink) {
      fail("{}: is a symbolic link, which is not followed; remove it or choose another folder",
           path.string());
    }
    if (type != (is_end ? fs::file_type::regular : fs::file_type::directory)) {
      fail("{}: is no {}; remove it or choose another folder", path.string(),
           is_end ? "regular file" : "folder");
    }
    if (is_end) return;
  }
}

}  // namespace ekgine
