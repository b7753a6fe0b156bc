// A file that arrives in pieces, over several attempts and processes, and where it may be put.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/sha256.h"

namespace ekgine {

// What has arrived of a file, and its checksum so far. Stays on the disk when this ends, unless
// nothing is in it; replace_file() of base/atomic_file.h makes the file of it.
class PartFile {
 public:
  // Opens `path` or creates it. Errors: it cannot be read and written; it is no regular file.
  explicit PartFile(std::filesystem::path path);
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  ~PartFile();

  const std::filesystem::path& path() const { return path_; }
  std::int64_t size() const { return size_; }
  std::string sha256() const { return sum_.hex(); }  // of all its bytes

  // Errors name the file: a full disk, or one that soon would be (see check_room).
  void append(std::span<const char> bytes);
  void start_over();

 private:
  std::filesystem::path path_;
  int fd_;
  std::int64_t size_ = 0;
  std::int64_t unchecked_ = 0;  // bytes since the last look at the disk
  Sha256 sum_;
};

// Fails unless `bytes` more on the disk of `path`, which exists, leave a twentieth of the disk
// free, or 1 GiB where that is less: whatever arrives, others still can write.
void check_room(const std::filesystem::path& path, std::int64_t bytes);

// Fails where `name`, a relative path inside `folder`, is not free to be a file there: a symbolic
// link or something else than a folder is on the way, or at its end is something else than a
// regular file. What is not there yet is fine.
void check_place(const std::filesystem::path& folder, const std::string& name);

}  // namespace ekgine
