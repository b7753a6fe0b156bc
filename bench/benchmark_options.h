// What the benchmarks of both devices are asked for.
#pragma once

#include <filesystem>
#include <string>

namespace ekgine {

struct BenchmarkOptions {
  enum class Format {
    table,  // as the rows come
    json,   // one object
    csv,    // a line per row, after one of the columns' names
  };
  std::string filter;  // only ops whose name and shape contain this text
  bool list = false;   // prints their names, and times nothing
  Format format = Format::table;
  // What an earlier run on the same device has printed as JSON: each row that is there, too, gets
  // its time over that one's. Empty: none.
  std::filesystem::path before;
};

}  // namespace ekgine
