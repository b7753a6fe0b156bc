// What the benchmarks of both devices are asked for.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace ekgine {

struct BenchmarkOptions {
  enum class Format {
    table,  // as the rows come
    json,   // one object
    csv,    // a line per row, after one of the columns' names
  };
  std::string filter;  // only ops whose name and shape contain this text
  // "1,1024,8,128": the one op whose name `filter` is, at this shape. Empty: at those of
  // Main_Model.
  std::string shape;
  bool list = false;  // prints their names, and times nothing
  Format format = Format::table;
  // What an earlier run has printed as JSON: each row that is there, too, gets its time over that
  // one's. Empty: none.
  std::filesystem::path before;
};

// What was asked for makes no sense: ekgine_bench ends with status 2, not 1.
class UsageError : public Error {
 public:
  using Error::Error;
};

}  // namespace ekgine
