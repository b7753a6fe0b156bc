// A file that arrives in pieces, over several attempts and processes.
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
  // Opens `path` or creates it. Errors: it cannot be read and written; it is a symbolic link.
  explicit PartFile(std::filesystem::path path);
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  ~PartFile();

  const std::filesystem::path& path() const { return path_; }
  std::int64_t size() const { return size_; }
  std::string sha256() const { return sum_.hex(); }  // of all its bytes

  // Errors name the file: a full disk.
  void append(std::span<const char> bytes);
  void start_over();

 private:
  std::filesystem::path path_;
  int fd_;
  std::int64_t size_ = 0;
  Sha256 sum_;
};

}  // namespace ekgine
