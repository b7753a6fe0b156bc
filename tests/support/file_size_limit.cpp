#include "tests/support/file_size_limit.h"

#include <csignal>

// The HDF5 library loses some memory whenever a write fails, which nobody outside it can help.
extern "C" const char* __lsan_default_suppressions();  // called by LeakSanitizer
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libhdf5";
}

namespace ekgine::testing {

FileSizeLimit::FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
  getrlimit(RLIMIT_FSIZE, &before_);
  const rlimit limit{bytes, before_.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
}

FileSizeLimit::~FileSizeLimit() {
  setrlimit(RLIMIT_FSIZE, &before_);
  std::signal(SIGXFSZ, handler_);
}

}  // namespace ekgine::testing
