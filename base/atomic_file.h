// Files that appear whole or not at all.
//
// A file is written under the temporary name `NAME.partial` beside its final name, synced to the
// disk and renamed. Until commit() an older file of the final name is untouched; when anything
// fails (disk full, read-only folder, an exception, a kill) it stays as it was.
//
// The temporary file is new, never one that stands there already, nor what a link there points at,
// and it is locked: a second process that is told to write the same file throws InUse. One left by
// a kill has no lock any more and is removed by the next attempt. A final name that is a symbolic
// link is written through: what it points at is replaced, the link stays.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/directory_lock.h"

namespace ekgine {

class AtomicFile {
 public:
  // Creates the temporary file, empty, and locks it. Two in one process for the same file share it,
  // so that one can hold the place while the work is done whose result another writes. Errors: the
  // folder is missing or not writable; `path` or its temporary name is a folder, a device, ...;
  // another process writes it (InUse).
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  // Removes the temporary file unless committed.
  ~AtomicFile();

  // Where to write before commit(): for libraries (HDF5, gnuplot) that open a file by name.
  const std::filesystem::path& temporary_path() const;

  // Syncs the temporary file and renames it to the final name. Errors name the final path.
  void commit();

 private:
  friend class AtomicWriter;
  friend void remove_temporary_files() noexcept;
  struct Temporary;

  std::filesystem::path path_;
  std::shared_ptr<Temporary> temporary_;
};

// Removes the files in a folder, and then the folder if nothing else is in it. What cannot be
// removed stays, without an error; a symbolic link is not followed. Takes no memory, unlike
// std::filesystem::remove_all, which ends the program where it gets none. `lock`, if any, is of the
// folder and is let go before that is removed: NFS keeps a folder in which a file is open. One that
// another process locks then stays.
void remove_flat_folder(const char* folder, std::optional<DirectoryLock>* lock = nullptr) noexcept;

// A folder of files, made by others, that goes when this ends, until it is kept, and `lock` with
// it.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::filesystem::path folder,
                           std::optional<DirectoryLock>* lock = nullptr);
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  void keep() { kept_ = true; }

 private:
  friend void remove_temporary_files() noexcept;

  std::filesystem::path folder_;
  std::optional<DirectoryLock>* lock_;
  std::atomic<bool> kept_ = false;
  TemporaryFolder* next_ = nullptr;  // of all there are
};

// Removes the temporary files of all AtomicFiles that are not committed, and TemporaryFolders that
// are not kept, and lock files: for a process that ends without running destructors. Takes no
// memory.
void remove_temporary_files() noexcept;

// An AtomicFile that is written piece by piece.
class AtomicWriter {
 public:
  explicit AtomicWriter(std::filesystem::path path) : file_(std::move(path)) {}

  void write(std::string_view piece);
  // Syncs and closes: for files that are committed together later, and quickly. Its lock is gone
  // then; that of its folder (OutputDirectory) is left to keep others out.
  void close();
  void commit() { file_.commit(); }

 private:
  AtomicFile file_;
};

// Syncs the closed file `temporary` and renames it to `path`, in the same folder: what commit()
// does. For files that must survive being cut short, and so are no AtomicFile. Errors name `path`.
void replace_file(const std::filesystem::path& temporary, const std::filesystem::path& path);

// Syncs a folder: a rename in it is durable only then. Some file systems refuse; a file renamed is
// complete either way, so that is no error.
void sync_directory(const std::filesystem::path& folder);

// Where a file or folder called `path` is, or will be when it is made: what a symbolic link there
// points at, and `path` itself where there is none. Errors: links in a circle.
std::filesystem::path behind_links(const std::filesystem::path& path);

// Writes `content` as the whole of `path`, atomically.
void write_file(const std::filesystem::path& path, std::string_view content);

// The same for a file made of several parts, written one after another.
void write_file(const std::filesystem::path& path, std::span<const std::string_view> parts);

// Reads a whole file. Errors: missing, unreadable, no regular file (see base/regular_file.h), of
// more than `most` bytes: a size may be claimed by a file that has no bytes behind it.
std::string read_file(const std::filesystem::path& path, std::int64_t most = std::int64_t{1} << 32);

// Creates a folder and its parents; fails with one line when it cannot be made or written to.
void make_directory(const std::filesystem::path& path);

// A folder for results, made (see make_directory) and locked before the work that fills it starts,
// so that one that cannot be made, or in which another process is at work (InUse), is no news at
// the end. When the scope ends and nothing was put into it, the folders it made are removed: work
// that fails leaves none behind. `kind`: whether others may share it.
class OutputDirectory {
 public:
  explicit OutputDirectory(const std::filesystem::path& path,
                           DirectoryLock::Kind kind = DirectoryLock::Kind::alone);
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;
  ~OutputDirectory();

 private:
  void remove_what_is_empty() noexcept;

  std::vector<std::filesystem::path> made_;  // innermost first
  std::optional<DirectoryLock> lock_;
};

}  // namespace ekgine
