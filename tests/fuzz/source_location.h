// clang 14 lacks std::source_location, which engine/tape.h names.
#pragma once

#include <version>

#ifndef __cpp_lib_source_location
namespace std {

struct source_location {
  static constexpr source_location current(const char* file = __builtin_FILE(),
                                           unsigned line = __builtin_LINE()) {
    return {file, line};
  }
  constexpr const char* file_name() const { return file; }
  constexpr unsigned line() const { return number; }

  const char* file;
  unsigned number;
};

}  // namespace std
#endif
