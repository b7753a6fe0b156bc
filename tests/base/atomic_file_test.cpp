#include "base/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using testing::FileSizeLimit;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::write_bytes;

std::ptrdiff_t files_in(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

TEST(AtomicFile, AppearsAtCommit) {
  const TemporaryDirectory folder;
  const fs::path path = folder / "a.txt";
  AtomicFile file(path);
  EXPECT_EQ(files_in(folder.path()), 0) << "creates nothing";
  EXPECT_EQ(file.temporary_path(), folder / "a.txt.partial");
  write_bytes(file.temporary_path(), "new");
  EXPECT_FALSE(fs::exists(path));
  file.commit();
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(files_in(folder.path()), 1);
}

TEST(AtomicFile, LeavesTheOldFileUnlessCommitted) {
  const TemporaryDirectory folder;
  const fs::path path = folder / "a.txt";
  write_bytes(path, "old");
  {
    const AtomicFile file(path);
    write_bytes(file.temporary_path(), "half");
    EXPECT_EQ(read_file(path), "old");
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1) << "the temporary file is gone";
  {
    AtomicFile file(path);
    EXPECT_ERROR(file.commit(), path.string() + ": cannot write: No such file or directory");
  }
  EXPECT_EQ(read_file(path), "old");
}

TEST(AtomicFile, OverwritesWhatAKillLeft) {
  const TemporaryDirectory folder;
  write_bytes(folder / "a.txt.partial", "a longer half file of an earlier attempt");
  write_file(folder / "a.txt", "new");
  EXPECT_EQ(read_file(folder / "a.txt"), "new");
  EXPECT_EQ(files_in(folder.path()), 1);
}

TEST(AtomicFile, NamesTheFolderThatItCannotWriteIn) {
  const TemporaryDirectory folder;
  const fs::path missing = folder / "no/a.txt";
  EXPECT_ERROR(AtomicFile{missing}, missing.string() + ": the folder " +
                                        missing.parent_path().string() + " does not exist");
  // A folder that is a file.
  write_bytes(folder / "file", "");
  EXPECT_ERROR(AtomicFile{folder / "file/a.txt"}, "/file does not exist");
  if (::geteuid() == 0) GTEST_SKIP() << "root may write in read-only folders";
  fs::create_directory(folder / "read-only");
  fs::permissions(folder / "read-only", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_ERROR(AtomicFile{folder / "read-only/a.txt"},
               AllOf(HasSubstr("a.txt: cannot write in "), HasSubstr(": Permission denied")));
}

TEST(AtomicWriter, AppearsAtCommit) {
  const TemporaryDirectory folder;
  const fs::path path = folder / "a";
  write_bytes(path, "old");
  {
    AtomicWriter file(path);
    file.write("half");
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1) << "the temporary file is gone";
  for (const bool close_first : {false, true}) {
    AtomicWriter file(path);
    file.write(close_first ? "new " : "newer ");
    file.write("");
    file.write("pieces");
    if (close_first) file.close();
    EXPECT_NE(read_file(path), "new pieces");
    file.commit();
    EXPECT_EQ(read_file(path), close_first ? "new pieces" : "newer pieces");
  }
  EXPECT_EQ(files_in(folder.path()), 1);
  EXPECT_ERROR(AtomicWriter(folder / "no/a"), "no/a: the folder ");
  fs::create_directory(folder / "b.partial");
  EXPECT_ERROR(AtomicWriter(folder / "b"),
               (folder / "b").string() + ": cannot write: Is a directory");
}

TEST(WriteFile, JoinsItsParts) {
  const TemporaryDirectory folder;
  const std::array<std::string_view, 4> parts = {"one ", "", std::string_view("two\0", 4), "three"};
  write_file(folder / "a", parts);
  EXPECT_EQ(read_file(folder / "a"), std::string("one two\0three", 13));
  write_file(folder / "a", "");
  EXPECT_EQ(read_file(folder / "a"), "");
}

// Larger than the steps in which files are read and the kernel writes.
TEST(WriteFile, KeepsLargeFiles) {
  const TemporaryDirectory folder;
  for (const std::size_t size : {(1u << 20) - 1, 1u << 20, (1u << 20) + 1, 5'000'000u}) {
    std::string content(size, 'x');
    for (std::size_t i = 0; i < size; i += 97) content[i] = static_cast<char>(i);
    write_file(folder / "a", content);
    EXPECT_TRUE(read_file(folder / "a") == content) << size;
  }
}

TEST(WriteFile, LeavesTheOldFileWhenTheDiskIsFull) {
  const TemporaryDirectory folder;
  const fs::path path = folder / "a";
  write_file(path, "old");
  const std::string content(100'000, 'x');
  for (const rlim_t limit : {0, 1, 50'000, 99'999}) {
    const FileSizeLimit full(limit);
    EXPECT_ERROR(write_file(path, content), path.string() + ": cannot write: File too large");
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1) << "the temporary file is gone";
  write_file(path, content);
  EXPECT_EQ(read_file(path), content);
}

TEST(ReadFile, NamesWhatIsWrong) {
  const TemporaryDirectory folder;
  EXPECT_ERROR(read_file(folder / "none"),
               (folder / "none").string() + ": cannot open: No such file or directory");
  EXPECT_ERROR(read_file(folder.path()), folder.path().string() + ": is a folder, expected a file");
}

TEST(MakeDirectory, MakesParents) {
  const TemporaryDirectory folder;
  make_directory(folder / "a/b/c");
  EXPECT_TRUE(fs::is_directory(folder / "a/b/c"));
  make_directory(folder / "a/b/c");  // there already
  write_bytes(folder / "file", "");
  EXPECT_ERROR(make_directory(folder / "file"), "file: cannot create the folder: ");
  EXPECT_ERROR(make_directory(folder / "file/a"), "file/a: cannot create the folder: ");
  // Not even root can make a folder there.
  EXPECT_ERROR(make_directory("/proc/a"), "/proc/a: cannot create the folder: ");
}

}  // namespace
}  // namespace ekgine
