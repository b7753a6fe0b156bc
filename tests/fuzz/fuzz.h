// What the fuzzers share. A reader takes an input or refuses it by an Error. Anything else is a
// finding: another exception, a signal, a sanitizer's report, a hang, much memory (limits:
// tests/fuzz/run).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/console.h"
#include "base/error.h"
#include "base/seal.h"

namespace ekgine::fuzz {

// Notices would be most of the output.
inline const bool silenced = (set_quiet(true), true);

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Whether the input was taken.
template <class Read>
bool try_to_read(const Read& read) {
  try {
    read();
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Inputs of several texts have zero bytes between them; the last part takes the rest.
template <std::size_t count>
std::array<std::string_view, count> parts_of(std::string_view input) {
  std::array<std::string_view, count> parts;
  for (std::size_t i = 0; i < count; ++i) {
    parts[i] = i + 1 < count ? input.substr(0, input.find('\0')) : input;
    input.remove_prefix(std::min(parts[i].size() + 1, input.size()));
  }
  return parts;
}

// Makes the seal of a JSON text hold, where it has one: what is behind it is to be read, too.
inline std::string with_right_json_seal(std::string_view text) {
  std::string sealed(text);
  constexpr std::string_view key = "\"sha256\"";
  const std::size_t found = sealed.rfind(key);
  if (found == std::string::npos) return sealed;
  const std::size_t digits = sealed.find('"', found + key.size());
  if (digits != std::string::npos && digits + 1 + blank_seal.size() <= sealed.size()) {
    sealed.replace(digits + 1, blank_seal.size(), blank_seal);
    set_seal(sealed, digits + 1);
  }
  return sealed;
}

// A safetensors file with this header, whose seal holds where it begins with one.
inline std::string safetensors_of(std::string_view header, std::string_view data) {
  const std::uint64_t length = header.size();
  std::string file(sizeof length, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  file.append(header).append(data);
  constexpr std::string_view start = R"({"__metadata__":{"sha256":")";
  if (header.starts_with(start) && header.size() >= start.size() + blank_seal.size()) {
    set_seal(file, sizeof length + start.size());
  }
  return file;
}

// A folder of this process, in $TMPDIR, which tests/fuzz/run puts into memory.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "ekgine-fuzz-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

  std::filesystem::path write(const char* name, std::string_view content) const {
    const std::filesystem::path path = path_ / name;
    std::ofstream(path, std::ios::binary).write(content.data(), std::ssize(content));
    return path;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace ekgine::fuzz
