#include "base/console.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>

#include "base/error.h"

namespace ekgine {

namespace {

std::atomic<bool> is_quiet = false;

// The bytes of the UTF-8 character that `text` begins with, or 0: it begins with none.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t size = first < 0x80   ? 1
                           : first < 0xC2 ? 0
                           : first < 0xE0 ? 2
                           : first < 0xF0 ? 3
                           : first < 0xF5 ? 4
                                          : 0;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond the last code point.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return size;
}

// Line and paragraph separators, marks and overrides of writing direction: they reorder a line.
bool is_control(std::string_view character) {
  if (character.size() == 1) return character[0] < ' ' || character[0] == '\x7f';
  if (character.size() == 2) return character[0] == '\xC2' && character[1] < '\xA0';
  return character == "\u200E" || character == "\u200F" || character == "\u061C" ||
         (character >= "\u2028" && character <= "\u202E" && character.size() == 3) ||
         (character >= "\u2066" && character <= "\u2069" && character.size() == 3);
}

// Writes all bytes; false when that fails.
bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(file, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

std::string utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = character_bytes(text);
    const auto first = static_cast<unsigned char>(text[0]);
    if (size == 0) {
      valid += static_cast<char>(0xC0 | first >> 6);
      valid += static_cast<char>(0x80 | (first & 0x3F));
    } else {
      valid += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return valid;
}

std::string printable(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = character_bytes(text);
    const std::string_view character = text.substr(0, size == 0 ? 1 : size);
    if (character == "\n") {
      line += "\\n";
    } else if (character == "\t") {
      line += ' ';
    } else if (size == 0 || is_control(character)) {
      for (const char c : character) {
        line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    } else {
      line += character;
    }
    text.remove_prefix(character.size());
  }
  return line;
}

void print_message(std::string_view text) noexcept {
  try {
    write_all(STDERR_FILENO, printable(text) + "\n");
  } catch (...) {  // no memory for the copy
    write_all(STDERR_FILENO, "out of memory\n");
  }
}

void notice(const std::string& text) {
  static std::mutex mutex;
  static std::set<std::string> said;
  if (is_quiet) return;
  const std::lock_guard lock(mutex);
  if (said.insert(text).second) print_message(text);
}

void set_quiet(bool value) noexcept {
  is_quiet = value;
}

bool quiet() noexcept {
  return is_quiet;
}

void print_result(std::string_view text) {
  if (!write_all(STDOUT_FILENO, text)) {
    fail("stdout: cannot write the result: {}", std::strerror(errno));
  }
}

}  // namespace ekgine
