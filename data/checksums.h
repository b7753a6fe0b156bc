// SHA256SUMS.txt: the files of a PhysioNet database and the SHA-256 of each, a line per file:
//
//   b82cc005618eab81b3a246ca5c5a61903f3c0f40c191d7fb953adf054ea691de 231.atr
//
// One space separates them, or two, or a space and the asterisk of sha256sum's binary mode.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace ekgine {

inline constexpr const char* checksums_file = "SHA256SUMS.txt";

// Checksum by name. Names are relative paths with "/"; checksums 64 lower-case hexadecimal digits.
using Checksums = std::map<std::string, std::string, std::less<>>;

// Reads the text of such a file; `source` names it in messages. Errors, with the line: not of this
// form; a name that check_inside() refuses; one file with two checksums; a file that is also the
// folder of another; no file at all.
Checksums parse_checksums(std::string_view text, const std::string& source);

// Whether `name` is one of the files, or a folder of some.
bool names(const Checksums& files, const std::string& name);

// Fails unless `name` is a relative path that stays below the folder it is taken from: names that
// others have written must not reach anything else. `where` opens the text: "RECORDS:3".
void check_inside(std::string_view name, std::string_view where);

}  // namespace ekgine
