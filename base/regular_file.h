// Files of a user, opened for reading as files alone.
//
// A path may name a device that never ends, a FIFO that nobody writes to or a folder. None of them
// is waited for or read: what is read is a regular file, and no more of it than its size says.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace ekgine {

class RegularFile {
 public:
  // Opens a file, through symbolic links. Errors: missing, unreadable, no regular file ("is a FIFO,
  // expected a file").
  explicit RegularFile(std::filesystem::path path);
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;
  ~RegularFile();

  // In bytes, when it was opened.
  std::int64_t size() const { return size_; }
  // For libraries that read an open file.
  int descriptor() const { return descriptor_; }

  // Reads the next bytes: as many as `to` holds but at the end, where there are fewer or none.
  // Errors: the file grew or shrank while it was read.
  std::size_t read(std::span<char> to);
  // Goes over the next bytes, of which there are at least as many.
  void skip(std::int64_t bytes);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0, done_ = 0;
};

// What a file of this st_mode is: "a file", "a folder", "a FIFO", "a device", ...
const char* kind_of_file(mode_t mode);

}  // namespace ekgine
