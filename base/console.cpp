#include "base/console.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <mutex>
#include <set>

#include "base/error.h"

namespace ekgine {

namespace {

std::atomic<bool> is_quiet = false;
std::atomic<bool> another_process_speaks = false;
std::atomic<bool> line_drawn = false;  // a line of draw_line() is where the cursor stands
constexpr std::string_view erase_line = "\r\x1b[K";
constexpr std::size_t atomic_write = 4096;  // bytes that a pipe with room takes without waiting

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

// Also line and paragraph separators, marks and overrides of writing direction: they reorder a
// line.
bool is_control(std::string_view character) {
  if (character.size() == 1) return character[0] < ' ' || character[0] == '\x7f';
  if (character.size() == 2) return character[0] == '\xC2' && character[1] < '\xA0';
  return character == "\u200E" || character == "\u200F" || character == "\u061C" ||
         (character >= "\u2028" && character <= "\u202E" && character.size() == 3) ||
         (character >= "\u2066" && character <= "\u2069" && character.size() == 3) ||
         character == "\uFFFE" ||
         character == "\uFFFF";  // no characters; XML has no place for them
}

// Whether `file` takes more bytes within `milliseconds` (-1: as long as it takes). An error counts
// as room: write() tells it.
bool has_room(int file, int milliseconds) {
  pollfd writable{file, POLLOUT, 0};
  int ready = 0;
  do {
    ready = ::poll(&writable, 1, milliseconds);
  } while (ready < 0 && errno == EINTR);
  return ready != 0;
}

// Writes all bytes, waiting for room as has_room() does; false when that fails.
bool write_all(int file, std::string_view text, int milliseconds) {
  while (!text.empty()) {
    if (!has_room(file, milliseconds)) return false;
    const ssize_t n = ::write(file, text.data(), std::min(text.size(), atomic_write));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void write_message(std::string_view text) noexcept {
  // Waited for once: who did not read then is not waited for again, until there is room.
  static std::atomic<bool> halted = false;
  const bool room = has_room(STDERR_FILENO, halted ? 0 : 2000);
  halted = !room;
  if (room) write_all(STDERR_FILENO, text, 0);
}

// The columns of one character, as the C library knows them.
int character_width(std::string_view character) {
  if (character.size() == 1) return 1;
  static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  constexpr int widest = 2;
  if (utf8 == nullptr) return widest;
  const locale_t before = ::uselocale(utf8);
  wchar_t wide = 0;
  std::mbstate_t state{};
  const std::size_t read = std::mbrtowc(&wide, character.data(), character.size(), &state);
  const int width = read == character.size() ? ::wcwidth(wide) : -1;
  ::uselocale(before);
  return width < 0 ? widest : width;
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

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = character_bytes(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
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

std::string_view cut_to_width(std::string_view text, int columns) {
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t size = std::max<std::size_t>(character_bytes(text.substr(end)), 1);
    columns -= character_width(text.substr(end, size));
    if (columns < 0) break;
    end += size;
  }
  return text.substr(0, end);
}

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const std::size_t size = std::max<std::size_t>(character_bytes(text), 1);
    width += character_width(text.substr(0, size));
    text.remove_prefix(size);
  }
  return width;
}

void reserve_standard_streams() noexcept {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // Opening takes the lowest free number, which is this one. Read-only: a result that goes
    // nowhere must not count as written.
    if (::fcntl(stream, F_GETFD) < 0) (void)::open("/dev/null", O_RDONLY);  // NOLINT(*-vararg)
  }
}

bool on_terminal() noexcept {
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) != 0 &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

int terminal_columns() noexcept {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  constexpr int usual = 80, most = 10000;
  int columns = 0;
  if (const char* text = std::getenv("COLUMNS")) {
    std::from_chars(text, text + std::strlen(text), columns);
  }
  return columns > 0 && columns <= most ? columns : usual;
}

void draw_line(std::string_view text) noexcept {
  if (another_process_speaks) return;
  try {
    const std::string line = printable(text);
    // One column stays free: some terminals go on to the next line once the last one is written.
    const std::string_view visible = cut_to_width(line, terminal_columns() - 1);
    line_drawn = true;
    write_all(STDERR_FILENO, std::string(erase_line) + std::string(visible), 0);
  } catch (...) {  // no memory: no progress is shown
  }
}

void end_line() noexcept {
  if (line_drawn.exchange(false)) write_message("\n");
}

void print_message(std::string_view text) noexcept {
  if (!another_process_speaks) print_error(text);
}

void print_error(std::string_view text) noexcept {
  const bool erase = line_drawn.exchange(false);
  try {
    write_message((erase ? std::string(erase_line) : "") + printable(text) + "\n");
  } catch (...) {  // no memory for the copy
    write_message("ekgine: out of memory\n");
  }
}

void notice(const std::string& text) {
  static std::mutex mutex;
  static std::set<std::string> said;
  if (quiet()) return;
  const std::lock_guard lock(mutex);
  if (said.insert(text).second) print_message(text);
}

void set_quiet(bool value) noexcept {
  is_quiet = value;
}

bool quiet() noexcept {
  return is_quiet || another_process_speaks;
}

void set_another_speaks(bool another) noexcept {
  another_process_speaks = another;
}

bool another_speaks() noexcept {
  return another_process_speaks;
}

void print_result(std::string_view lines) {
  if (another_process_speaks) return;
  std::string text;
  text.reserve(lines.size());
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    text += printable(lines.substr(0, end));
    if (end < lines.size()) text += '\n';
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  if (!write_all(STDOUT_FILENO, text, -1)) {
    fail("stdout: cannot write the result: {}", std::strerror(errno));
  }
}

}  // namespace ekgine
