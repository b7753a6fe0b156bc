// Files with one bit flipped.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace ekgine::testing {

// Flips `count` random bits of the file, one at a time, and expects `read` to refuse each.
template <class Read>
void expect_flips_refused(const std::filesystem::path& path, int count, const Read& read) {
  const std::string whole = read_file(path);
  Random random(20261129);
  for (int i = 0; i < count; ++i) {
    const auto bit = random.integer(0, 8 * static_cast<std::int64_t>(whole.size()) - 1);
    std::string flipped = whole;
    flipped[static_cast<std::size_t>(bit / 8)] ^= static_cast<char>(1 << bit % 8);
    write_bytes(path, flipped);
    EXPECT_THROW(read(), Error) << path << ": bit " << bit % 8 << " of byte " << bit / 8;
  }
  write_bytes(path, whole);
}

}  // namespace ekgine::testing
