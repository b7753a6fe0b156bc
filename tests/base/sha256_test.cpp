#include "base/sha256.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using testing::TemporaryDirectory;

// Examples of FIPS 180-4 (NIST).
const std::string empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const std::string million_a = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256, GivesTheStandardsExamples) {
  Sha256 sum;
  EXPECT_EQ(sum.hex(), empty);
  sum.update(std::string("a"));
  sum.update(std::string());
  EXPECT_NE(sum.hex(), abc);
  sum.update(std::string("bc"));  // asking has not ended it
  EXPECT_EQ(sum.hex(), abc);
  EXPECT_EQ(sum.hex(), abc);
}

TEST(Sha256, ReadsWholeFiles) {
  const TemporaryDirectory folder;
  testing::write_bytes(folder / "a", std::string(1'000'000, 'a'));
  testing::write_bytes(folder / "empty", "");
  EXPECT_EQ(sha256_of_file(folder / "a"), million_a);
  EXPECT_EQ(sha256_of_file(folder / "empty"), empty);
  EXPECT_ERROR(sha256_of_file(folder / "none"), "none: cannot open: No such file or directory");
  EXPECT_ERROR(sha256_of_file(folder.path()), "is a folder, expected a file");
}

}  // namespace
}  // namespace ekgine
