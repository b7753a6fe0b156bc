// Seals: checksums inside the files that ekgine writes, so that a damaged one is noticed when it is
// read, whichever bit of it was flipped.
//
// One scheme for all files. A seal is the SHA-256 of the whole file, as 64 lower-case hexadecimal
// digits, which stand in the file itself; for the sum these digits count as zeros. Where they stand
// is the format's business (docs/formats.md): a key `sha256` of JSON objects and of safetensors'
// metadata, the user block of HDF5 files, a comment of TOML files. A seal is against accidents; it
// does not say who wrote a file.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace ekgine {

// What stands in the place of a seal until it is known: 64 zeros.
inline constexpr std::string_view blank_seal =
    "0000000000000000000000000000000000000000000000000000000000000000";

// Whether `text` is 64 lower-case hexadecimal digits.
bool is_seal(std::string_view text);

// The seal of a file made of `parts`, one after another, whose own digits stand, or will stand, at
// `position` of the first part, which has them whole.
std::string seal_of(std::span<const std::string_view> parts, std::size_t position);

// Writes the seal of `content` over the 64 characters at `position`.
void set_seal(std::string& content, std::size_t position);

// Whether the 64 characters at `position` are the seal of `content`.
bool seal_holds(std::string_view content, std::size_t position);

// Files of lines in which '#' begins a comment (TOML): the text with its seal in a first line,
// "# sha256 DIGITS". check_seal_line() fails where that line is there, or was before one bit of it
// was flipped, and is not the seal of the text; a text without it is none of ours, and is fine.
std::string with_seal_line(std::string_view text);
void check_seal_line(std::string_view text, std::string_view name);

// What is said of a file whose seal does not hold: "NAME: is damaged: its checksum is not that of
// its bytes". Always throws.
[[noreturn]] void fail_damaged(std::string_view name);

}  // namespace ekgine
