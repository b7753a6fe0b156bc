#include "base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

std::string reason() {
  return std::strerror(errno);
}

// Closes on scope exit; write errors that surface only at close are caught by the fsync before it.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), temporary_(path_) {
  temporary_ += ".partial";
  const fs::path folder = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
  if (!fs::is_directory(folder))
    fail("{}: the folder {} does not exist", path_.string(), folder.string());
  if (::access(folder.c_str(), W_OK) != 0) {
    fail("{}: cannot write in {}: {}", path_.string(), folder.string(), reason());
  }
}

AtomicFile::~AtomicFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::commit() {
  replace_file(temporary_, path_);
  committed_ = true;
}

AtomicWriter::AtomicWriter(fs::path path)
    : path_(path),
      file_(std::move(path)),
      descriptor_(
          ::open(file_.temporary_path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) fail("{}: cannot write: {}", path_.string(), reason());
}

AtomicWriter::~AtomicWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AtomicWriter::write(std::string_view piece) {
  while (!piece.empty()) {
    const ssize_t n = ::write(descriptor_, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("{}: cannot write: {}", path_.string(), reason());
    piece.remove_prefix(static_cast<std::size_t>(n));
  }
}

void AtomicWriter::close() {
  if (descriptor_ < 0) return;
  if (::fsync(descriptor_) != 0) fail("{}: cannot write: {}", path_.string(), reason());
  ::close(std::exchange(descriptor_, -1));
}

void AtomicWriter::commit() {
  close();
  file_.commit();
}

void replace_file(const fs::path& temporary, const fs::path& path) {
  {
    const Descriptor file(temporary, O_RDONLY);
    if (file.get() < 0 || ::fsync(file.get()) != 0) {
      fail("{}: cannot write: {}", path.string(), reason());
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    fail("{}: cannot replace: {}", path.string(), reason());
  }
  // The rename itself is durable only once the folder is synced. Some file systems refuse to sync
  // a folder; the file is complete either way, so that is no error.
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const Descriptor directory(folder, O_RDONLY | O_DIRECTORY);
  if (directory.get() >= 0) ::fsync(directory.get());
}

void write_file(const fs::path& path, std::span<const std::string_view> parts) {
  AtomicWriter file(path);
  for (const std::string_view part : parts) file.write(part);
  file.commit();
}

void write_file(const fs::path& path, std::string_view content) {
  write_file(path, std::span(&content, 1));
}

std::string read_file(const fs::path& path) {
  if (fs::is_directory(path)) fail("{}: is a folder, expected a file", path.string());
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("{}: cannot open: {}", path.string(), reason());
  // In large steps: an iterator over characters takes ten times as long.
  constexpr std::size_t step = std::size_t{1} << 20;
  std::string content;
  std::size_t size = 0;
  while (in) {
    content.resize(size + step);
    in.read(content.data() + size, step);
    size += static_cast<std::size_t>(in.gcount());
  }
  content.resize(size);
  if (in.bad()) fail("{}: cannot read: {}", path.string(), reason());
  return content;
}

void make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error || !fs::is_directory(path)) {
    fail("{}: cannot create the folder: {}", path.string(),
         error ? error.message() : std::string("a file of that name exists"));
  }
  if (::access(path.c_str(), W_OK) != 0)
    fail("{}: cannot write in this folder: {}", path.string(), reason());
}

OutputDirectory::OutputDirectory(const fs::path& path) {
  for (fs::path folder = path; !folder.empty() && !fs::exists(folder);
       folder = folder.parent_path()) {
    if (folder.has_filename()) made_.push_back(folder);  // not for the "" after a final slash
  }
  make_directory(path);
}

OutputDirectory::~OutputDirectory() {
  // Removing a folder fails when something is in it, which is the point.
  std::error_code ignored;
  for (const fs::path& folder : made_) {
    if (!fs::remove(folder, ignored)) break;
  }
}

}  // namespace ekgine
