// What the program says to people, on stderr and stdout.
//
// Messages are no results: where stderr is closed, full or a pipe that nobody reads any more, they
// are lost and the work goes on. A result on stdout that cannot be written is an error.
#pragma once

#include <string>
#include <string_view>

namespace ekgine {

// Text that others have written (names of files, headers, text of libraries) as one line that is
// safe on a terminal and in a report: valid UTF-8; control characters, C1 ones and line breaks as
// "\n", "\x1b" and so on, bytes that are no UTF-8 as "\xff".
std::string printable(std::string_view text);

// `text` as UTF-8: what is none already is taken for Latin-1, byte by byte.
std::string utf8(std::string_view text);

// Prints `text` as a line on stderr, made printable first. Never throws.
void print_message(std::string_view text) noexcept;

// print_message() for what a user should know although nothing failed, such as a file without a
// checksum: each text once a process, none when quiet. Any thread may call.
void notice(const std::string& text);

// Silences notices and every Progress of the process (--quiet).
void set_quiet(bool quiet) noexcept;
bool quiet() noexcept;

// Writes `text` to stdout as it is and flushes it. Errors: "stdout: cannot write the result: ...".
void print_result(std::string_view text);

}  // namespace ekgine
