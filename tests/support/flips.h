// Files with one bit flipped.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/cases/random.h"
#include "tests/support/temporary_directory.h"

namespace ekgine::testing {

// Flips `count` random bits of the file, of byte `begin` and those after it, one at a time, and
// calls `tried` with each, told where it is.
template <class Tried>
void with_flips(const std::filesystem::path& path, int count, std::size_t begin,
                const Tried& tried) {
  const std::string whole = read_file(path);
  Random random(20261129);
  for (int i = 0; i < count; ++i) {
    const auto bit = static_cast<std::size_t>(random.integer(
        8 * static_cast<std::int64_t>(begin), 8 * static_cast<std::int64_t>(whole.size()) - 1));
    std::string flipped = whole;
    flipped[bit / 8] ^= static_cast<char>(1 << bit % 8);
    write_bytes(path, flipped);
    tried(path.string() + ": bit " + std::to_string(bit % 8) + " of byte " +
          std::to_string(bit / 8));
  }
  write_bytes(path, whole);
}

// Expects `read` to refuse each.
template <class Read>
void expect_flips_refused(const std::filesystem::path& path, int count, const Read& read) {
  with_flips(path, count, 0,
             [&](const std::string& where) { EXPECT_THROW(read(), Error) << where; });
}

// Expects `read` to refuse each, or to return true: what it has read is as if none were flipped.
template <class Read>
void expect_flips_refused_or_harmless(const std::filesystem::path& path, int count,
                                      const Read& read, std::size_t begin = 0) {
  with_flips(path, count, begin, [&](const std::string& where) {
    try {
      EXPECT_TRUE(read()) << where << ": is read as other data";
    } catch (const Error&) {
    }
  });
}

}  // namespace ekgine::testing
