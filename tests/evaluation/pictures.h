// What tests ask of a drawn picture, and stand-ins for gnuplot.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/atomic_file.h"

namespace ekgine::testing {

// Puts `path` in place of PATH, so that another gnuplot or none is found.
class SearchPath {
 public:
  explicit SearchPath(const std::filesystem::path& path) : before_(std::getenv("PATH")) {
    setenv("PATH", path.c_str(), 1);
  }
  SearchPath(const SearchPath&) = delete;
  SearchPath& operator=(const SearchPath&) = delete;
  ~SearchPath() { setenv("PATH", before_.c_str(), 1); }

 private:
  std::string before_;
};

// A program `directory`/gnuplot that runs the shell commands in `script`.
inline void write_fake_gnuplot(const std::filesystem::path& directory, const std::string& script) {
  write_file(directory / "gnuplot", "#!/bin/sh\n" + script + "\n");
  std::filesystem::permissions(directory / "gnuplot", std::filesystem::perms::owner_all);
}

inline bool gnuplot_installed() {
  return std::system("gnuplot -V > /dev/null 2>&1") == 0;
}

// Both files of the picture are whole, of that size and not one blank area.
inline void expect_picture(const std::filesystem::path& directory, const std::string& name,
                           int width, int height) {
  SCOPED_TRACE(name);
  const std::string png = read_file(directory / (name + ".png"));
  ASSERT_GT(png.size(), 4000);
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  const auto big_endian = [&](std::size_t at) {
    int value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value = value * 256 + static_cast<unsigned char>(png[at + i]);
    return value;
  };
  EXPECT_EQ(png.substr(12, 4), "IHDR");
  EXPECT_EQ(big_endian(16), width);
  EXPECT_EQ(big_endian(20), height);
  EXPECT_EQ(png.substr(png.size() - 8, 4), "IEND");

  const std::string svg = read_file(directory / (name + ".svg"));
  EXPECT_NE(svg.find("<svg"), std::string::npos);
  EXPECT_NE(svg.find("width=\"" + std::to_string(width) + "\" height=\"" + std::to_string(height)),
            std::string::npos);
  EXPECT_NE(svg.find("</svg>"), std::string::npos);
  EXPECT_EQ(svg.find("nan,"), std::string::npos);

  EXPECT_FALSE(std::filesystem::exists(directory / (name + ".png.partial")));
  EXPECT_FALSE(std::filesystem::exists(directory / (name + ".svg.partial")));
}

}  // namespace ekgine::testing
