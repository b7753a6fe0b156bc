// A disk that fills up: while one of these lives, this process cannot write past `bytes` in any
// file; the write fails with EFBIG as it fails with ENOSPC on a full disk.
#pragma once

#include <sys/resource.h>

namespace ekgine::testing {

class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes);
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit();

 private:
  rlimit before_{};
  void (*handler_)(int);
};

}  // namespace ekgine::testing
