// What the program says to people, on stderr and stdout.
//
// Messages are no results: where stderr is closed, full or a pipe that nobody reads any more, they
// are lost and the work goes on. A result on stdout that cannot be written is an error.
#pragma once

#include <string>
#include <string_view>

namespace ekgine {

// Whether `text` is UTF-8 throughout.
bool is_utf8(std::string_view text);

// Text that others have written (names of files, headers, text of libraries) as one line that is
// safe on a terminal and in a report: valid UTF-8; control characters, C1 ones and line breaks as
// "\n", "\x1b" and so on, bytes that are no UTF-8 as "\xff".
std::string printable(std::string_view text);

// `text` as UTF-8: what is none already is taken for Latin-1, byte by byte.
std::string utf8(std::string_view text);

// Columns that `text`, made printable, takes on a terminal: none for marks that combine, two for
// wide characters.
int display_width(std::string_view text);

// As many whole characters from the front of `text` as `columns` hold.
std::string_view cut_to_width(std::string_view text, int columns);

// Opens something for those of stdin, stdout and stderr that the process was started without: the
// next files opened would get their numbers, and messages be written into them. What is written to
// them fails. Called once, first, by the program.
void reserve_standard_streams() noexcept;

// Whether stderr is a terminal, on which a line can be redrawn.
bool on_terminal() noexcept;

// The width of the terminal now; where it does not tell, that of $COLUMNS, or 80.
int terminal_columns() noexcept;

// On a terminal: draws `text` in place of the line drawn before, made printable and cut to the
// width of the terminal. Never throws, never waits.
void draw_line(std::string_view text) noexcept;

// Leaves the drawn line as it is: what follows stands below it.
void end_line() noexcept;

// Prints `text` as a line on stderr, made printable first, in place of a drawn line. Never throws.
// Where nobody takes it (a full pipe, a terminal that was halted), it is lost after two seconds.
void print_message(std::string_view text) noexcept;

// print_message() of an error, which is printed whoever else speaks.
void print_error(std::string_view text) noexcept;

// print_message() for what a user should know although nothing failed, such as a file without a
// checksum: each text once a process, none when quiet. Any thread may call.
void notice(const std::string& text);

// Silences notices and every Progress of the process (--quiet).
void set_quiet(bool quiet) noexcept;
bool quiet() noexcept;  // also where another process speaks

// Of processes that do one work together one speaks: the others print nothing but errors, neither
// messages nor results.
void set_another_speaks(bool another) noexcept;
bool another_speaks() noexcept;

// Writes lines to stdout, each made printable. Errors: "stdout: cannot write the result: ...".
void print_result(std::string_view lines);

}  // namespace ekgine
