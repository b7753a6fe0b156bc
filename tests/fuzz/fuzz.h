// What the fuzzers share. A reader takes an input or refuses it by Error; anything else that leaves
// it, a sanitizer's report, a hang and much memory are findings (limits: tests/fuzz/run).
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ekgine::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

template <class Read>
int try_to_read(Read&& read) {
  try {
    read();
  } catch (const Error&) {
  }
  return 0;
}

// A folder of this process in memory, removed when it exits.
class Folder {
 public:
  Folder() : path_("/dev/shm/ekgine_fuzz_" + std::to_string(getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path write(const char* name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace ekgine::fuzz
