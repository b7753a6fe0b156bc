#include "base/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <vector>

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
  EXPECT_EQ(files_in(folder.path()), 1) << "the temporary file alone";
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
    fs::remove(file.temporary_path());
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
  EXPECT_ERROR(AtomicWriter(folder / "b"), (folder / "b").string() + ": cannot write: " +
                                               (folder / "b.partial").string() + " is a folder");
}

TEST(AtomicFile, CanBeRemovedWhereNoDestructorRuns) {
  const TemporaryDirectory folder;
  remove_temporary_files();  // where there are none, it does nothing
  AtomicFile kept(folder / "kept");
  kept.commit();
  const AtomicFile begun(folder / "begun");
  ASSERT_TRUE(fs::exists(begun.temporary_path()));
  remove_temporary_files();
  EXPECT_FALSE(fs::exists(begun.temporary_path()));
  EXPECT_TRUE(fs::exists(folder / "kept"));
}

// Of more files than one call of the operating system tells.
void fill(const fs::path& folder) {
  fs::create_directory(folder);
  for (int i = 0; i < 300; ++i) write_bytes(folder / fmt::format("file {:020}", i), "x");
}

TEST(TemporaryFolder, GoesUnlessKept) {
  const TemporaryDirectory folder;
  const fs::path left = folder / "left", kept = folder / "kept", ended = folder / "ended";
  for (const fs::path& made : {left, kept, ended}) fill(made);
  {
    const TemporaryFolder goes(left);
    TemporaryFolder stays(kept);
    stays.keep();
    const TemporaryFolder goes_early(ended);
    remove_temporary_files();
    EXPECT_FALSE(fs::exists(left));
    EXPECT_FALSE(fs::exists(ended));
    fill(left);
  }
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(kept / "file 00000000000000000007"));
}

TEST(TemporaryFolder, GoesWithItsLock) {
  const TemporaryDirectory folder;
  fill(folder / "a");
  std::optional<DirectoryLock> lock;
  lock.emplace(folder / "a");
  { const TemporaryFolder goes(folder / "a", &lock); }
  EXPECT_FALSE(lock);
  EXPECT_FALSE(fs::exists(folder / "a"));
  // One that a kill has left locked.
  fill(folder / "b");
  write_bytes(folder / "b" / lock_file_name, "");
  { const TemporaryFolder goes(folder / "b"); }
  EXPECT_FALSE(fs::exists(folder / "b"));
}

TEST(TemporaryFolder, HoldsOnToFoldersInItAndFollowsNoLink) {
  const TemporaryDirectory folder;
  fill(folder / "victim");
  fs::create_directories(folder / "a/b");
  fs::create_directory_symlink("victim", folder / "link");
  { const TemporaryFolder goes(folder / "a"), link(folder / "link"); }
  EXPECT_TRUE(fs::exists(folder / "a/b"));
  EXPECT_TRUE(fs::exists(folder / "victim/file 00000000000000000007"));
}

TEST(AtomicFile, FollowsNoLinkAtItsTemporaryName) {
  const TemporaryDirectory folder;
  write_bytes(folder / "victim", "precious");
  fs::create_symlink("victim", folder / "a.partial");
  EXPECT_ERROR(write_file(folder / "a", "new"), "a.partial is a symbolic link");
  EXPECT_EQ(read_file(folder / "victim"), "precious");
  EXPECT_TRUE(fs::is_symlink(folder / "a.partial"));
  // One name of another file: what a kill left is removed, not overwritten.
  fs::create_hard_link(folder / "victim", folder / "b.partial");
  write_file(folder / "b", "new");
  EXPECT_EQ(read_file(folder / "victim"), "precious");
  EXPECT_EQ(read_file(folder / "b"), "new");
}

TEST(AtomicFile, WritesThroughLinks) {
  const TemporaryDirectory folder;
  fs::create_directory(folder / "far");
  write_bytes(folder / "far/old", "old");
  fs::create_symlink("far/old", folder / "relative");
  fs::create_symlink(folder / "relative", folder / "chain");
  fs::create_symlink("far/none", folder / "dangling");
  write_file(folder / "chain", "new");
  write_file(folder / "dangling", "made");
  EXPECT_EQ(read_file(folder / "far/old"), "new");
  EXPECT_EQ(read_file(folder / "far/none"), "made");
  for (const char* link : {"relative", "chain", "dangling"}) {
    EXPECT_TRUE(fs::is_symlink(folder / link)) << link;
  }
  EXPECT_EQ(files_in(folder.path()), 4);
  EXPECT_EQ(files_in(folder / "far"), 2) << "no temporary file is left there";

  fs::create_symlink("far", folder / "to-folder");
  EXPECT_ERROR(write_file(folder / "to-folder", "x"), "to-folder: is a folder, expected a file");
  fs::create_symlink("circle", folder / "circle");
  EXPECT_ERROR(write_file(folder / "circle", "x"), "circle: too many symbolic links");
  fs::remove(folder / "circle");
  EXPECT_ERROR(write_file("/dev/null", "x"), "/dev/null: is a device, expected a file");
}

// What another process does meanwhile: its locks are those of open files that are not ours.
TEST(AtomicFile, IsOneProcess) {
  const TemporaryDirectory folder;
  const fs::path path = folder / "a";
  {
    const int other = ::open((path.string() + ".partial").c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(::flock(other, LOCK_EX | LOCK_NB), 0);
    EXPECT_ERROR(AtomicFile{path}, path.string() + ": another process is at work there");
    EXPECT_EQ(files_in(folder.path()), 1) << "the other's file is left alone";
    ::close(other);  // as a kill does
  }
  const AtomicFile place(path);
  const int other = ::open(place.temporary_path().c_str(), O_RDONLY);
  EXPECT_EQ(::flock(other, LOCK_EX | LOCK_NB), -1);
  ::close(other);
  write_file(path, "by another function of the process that holds the place");
  write_file(path, "again");
  EXPECT_EQ(read_file(path), "again");
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
  // None of them is waited for, nor read without end.
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_ERROR(read_file(folder / "fifo"), "fifo: is a FIFO, expected a file");
  EXPECT_ERROR(read_file("/dev/zero"), "/dev/zero: is a device, expected a file");
  EXPECT_ERROR(read_file("/proc/self/maps"), "/proc/self/maps: grew while it was read");
  fs::create_symlink("fifo", folder / "link");
  EXPECT_ERROR(read_file(folder / "link"), "link: is a FIFO, expected a file");
  // A size without bytes behind it.
  write_bytes(folder / "sparse", "");
  fs::resize_file(folder / "sparse", std::uintmax_t{1} << 40);
  EXPECT_ERROR(read_file(folder / "sparse"), "sparse: has 1099511627776 bytes, expected at most");
  write_bytes(folder / "a", "12345");
  EXPECT_ERROR(read_file(folder / "a", 4), "a: has 5 bytes, expected at most 4");
  EXPECT_EQ(read_file(folder / "a", 5), "12345");
}

TEST(MakeDirectory, MakesParents) {
  const TemporaryDirectory folder;
  make_directory(folder / "a/b/c");
  EXPECT_TRUE(fs::is_directory(folder / "a/b/c"));
  make_directory(folder / "a/b/c");  // there already
  write_bytes(folder / "file", "");
  EXPECT_ERROR(make_directory(folder / "file"), "file: cannot create the folder: ");
  EXPECT_ERROR(make_directory(folder / "file/a"), "file/a: cannot create the folder: ");
  fs::create_symlink("far", folder / "link");
  make_directory(folder / "link");
  EXPECT_TRUE(fs::is_directory(folder / "far")) << "where a link will lead";
  // Not even root can make a folder there.
  EXPECT_ERROR(make_directory("/proc/a"), "/proc/a: cannot create the folder: ");
}

TEST(OutputDirectory, LocksAndLeavesNothingEmpty) {
  const TemporaryDirectory folder;
  { const OutputDirectory output(folder / "a/b/"); }
  EXPECT_EQ(files_in(folder.path()), 0);
  {
    const OutputDirectory output(folder / "a/b");
    const int other = ::open((folder / "a/b" / lock_file_name).c_str(), O_RDWR);
    EXPECT_EQ(::flock(other, LOCK_EX | LOCK_NB), -1);
    ::close(other);
    write_bytes(folder / "a/b/result", "x");
  }
  EXPECT_TRUE(fs::exists(folder / "a/b/result"));
  EXPECT_EQ(files_in(folder / "a/b"), 1);
}

TEST(OutputDirectory, ANameThatIsTooLongIsRefused) {
  const TemporaryDirectory folder;
  const fs::path path = folder / "a" / std::string(300, 'x');
  EXPECT_ERROR(OutputDirectory{path},
               path.string() + ": cannot create the folder: File name too long");
  EXPECT_FALSE(fs::exists(folder / "a")) << "nothing empty stays";
}

// Of many that make one new folder at once, and remove it, none ever fails but for the lock.
TEST(OutputDirectory, OfManyProcessesOneWorks) {
  const TemporaryDirectory folder;
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      int status = 0;
      for (int k = 0; k < 300 && status == 0; ++k) {
        try {
          const OutputDirectory output(folder / "a/b");
          // Whoever has it can write there.
          const int file = ::open((folder / "a/b/file").c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
          if (file < 0) status = 2;
          ::close(file);
          ::unlink((folder / "a/b/file").c_str());
        } catch (const InUse&) {
        } catch (...) {
          status = 1;
        }
      }
      ::_exit(status);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
}

}  // namespace
}  // namespace ekgine
