// Files that appear whole or not at all.
//
// A file is written under the temporary name `NAME.partial` beside its final name, synced to the
// disk and renamed. Until commit() an older file of the final name is untouched; when anything
// fails (disk full, read-only folder, an exception, a kill) it stays as it was. A `.partial` left
// by a kill is overwritten by the next attempt.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace ekgine {

class AtomicFile {
 public:
  // Prepares to write `path`; creates nothing yet. Errors: the folder is missing or not writable.
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  // Removes the temporary file unless committed.
  ~AtomicFile();

  // Where to write before commit(): for libraries (HDF5, gnuplot) that open a file by name.
  const std::filesystem::path& temporary_path() const { return temporary_; }

  // Syncs the closed temporary file and renames it to the final name. Errors name the final path.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

// An AtomicFile that is written piece by piece.
class AtomicWriter {
 public:
  // Creates the temporary file.
  explicit AtomicWriter(std::filesystem::path path);
  AtomicWriter(const AtomicWriter&) = delete;
  AtomicWriter& operator=(const AtomicWriter&) = delete;
  // Removes the temporary file unless committed.
  ~AtomicWriter();

  void write(std::string_view piece);
  // Syncs and closes: for files that are committed together later, and quickly.
  void close();
  void commit();

 private:
  std::filesystem::path path_;
  AtomicFile file_;
  int descriptor_;  // -1: closed
};

// Syncs the closed file `temporary` and renames it to `path`, in the same folder: what commit()
// does. For files that must survive being cut short, and so are no AtomicFile. Errors name `path`.
void replace_file(const std::filesystem::path& temporary, const std::filesystem::path& path);

// Writes `content` as the whole of `path`, atomically.
void write_file(const std::filesystem::path& path, std::string_view content);

// The same for a file made of several parts, written one after another.
void write_file(const std::filesystem::path& path, std::span<const std::string_view> parts);

// Reads a whole file. Errors: missing, unreadable, a folder.
std::string read_file(const std::filesystem::path& path);

// Creates a folder and its parents; fails with one line when it cannot be made or written to.
void make_directory(const std::filesystem::path& path);

// A folder for results, made (see make_directory) before the work that fills it starts, so that one
// that cannot be made is no news at the end. When the scope ends and nothing was put into it, the
// folders it made are removed: work that fails leaves none behind.
class OutputDirectory {
 public:
  explicit OutputDirectory(const std::filesystem::path& path);
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;
  ~OutputDirectory();

 private:
  std::vector<std::filesystem::path> made_;  // innermost first
};

}  // namespace ekgine
