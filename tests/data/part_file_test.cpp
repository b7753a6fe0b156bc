#include "data/part_file.h"

#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using testing::FileSizeLimit;
using testing::TemporaryDirectory;
using testing::write_bytes;

class Parts : public ::testing::Test {
 protected:
  TemporaryDirectory folder_;
  const fs::path path_ = folder_ / "100.dat.part";
};

TEST_F(Parts, GoOnWhereTheyWere) {
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  {
    PartFile part(path_);
    EXPECT_EQ(part.size(), 0);
    part.append(std::string("ab"));
  }
  PartFile part(path_);
  EXPECT_EQ(part.size(), 2);
  part.append(std::string("c"));
  EXPECT_EQ(part.size(), 3);
  EXPECT_EQ(part.sha256(), abc);
  EXPECT_EQ(read_file(path_), "abc");
  part.start_over();
  EXPECT_EQ(part.size(), 0);
  EXPECT_EQ(read_file(path_), "");
  part.append(std::string("abc"));
  EXPECT_EQ(part.sha256(), abc);
  EXPECT_EQ(read_file(path_), "abc");
}

TEST_F(Parts, LeaveNoEmptyFile) {
  { PartFile part(path_); }
  EXPECT_FALSE(fs::exists(path_));
  {
    PartFile part(path_);
    part.append(std::string("abc"));
    part.start_over();
  }
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(Parts, KeepWhatFitsOnAFullDisk) {
  {
    PartFile part(path_);
    const FileSizeLimit full(4096);
    EXPECT_ERROR(part.append(std::string(5000, 'x')), path_.string() + ": cannot write: ");
    EXPECT_EQ(part.size(), 4096);
  }
  PartFile part(path_);
  EXPECT_EQ(part.size(), 4096);
  part.append(std::string(904, 'x'));
  EXPECT_EQ(read_file(path_), std::string(5000, 'x'));
  EXPECT_EQ(part.sha256(), sha256_of_file(path_));
}

TEST_F(Parts, RefuseWhatIsNoFileOfTheirs) {
  EXPECT_ERROR(PartFile(folder_ / "none/x.part"), "x.part: cannot write: No such file");
  fs::create_directory(folder_ / "d.part");
  EXPECT_ERROR(PartFile(folder_ / "d.part"), "d.part: cannot write: Is a directory");
  write_bytes(folder_ / "mine", "precious");
  fs::create_symlink(folder_ / "mine", path_);
  EXPECT_ERROR(PartFile{path_}, path_.string() + ": cannot write: ");
  EXPECT_EQ(read_file(folder_ / "mine"), "precious");
}

}  // namespace
}  // namespace ekgine
