// Zip files, made and read in memory: the containers of Keras' models and NumPy's arrays.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace ekgine {

struct ZipMember {
  std::string name, content;
};

enum class ZipMethod { store, deflate };

// The bytes of a zip with these members in this order, all of 1 January 1980, so that the same
// content gives the same bytes. `file` names the zip in errors.
std::string zip_of(std::span<const ZipMember> members, ZipMethod method, const std::string& file);

// A zip file that others may have made. Sizes are claims, which are checked before memory is taken:
// all members together must not be more than 16 MiB and 16 times the file.
class ZipReader {
 public:
  // Reads the file. `kind` says in errors what it should be: "a .keras file". Errors: unreadable,
  // no zip, truncated; members that overlap, or that claim to be more than the file may hold.
  ZipReader(const std::filesystem::path& path, const std::string& kind);
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;
  ~ZipReader();

  // A member of at most `largest` bytes. Errors: missing, or there twice; larger; encrypted, or of
  // another compression than deflate; content that has not the size or the CRC-32 of its entry.
  std::string read(const std::string& member, std::size_t largest) const;

 private:
  struct Archive;
  std::unique_ptr<Archive> archive_;
};

}  // namespace ekgine
