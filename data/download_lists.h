// The lists that tell a download what there is: how large they may be, what is none, and which
// files a record's header names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ekgine {

// Fails when `size` bytes are more than a list may have, 256 MiB (the longest of PhysioNet's has
// some 100 MB): lists are kept in memory. `name` opens the text: a file or URL.
void check_list_size(const std::string& name, std::int64_t size);

// The whole of a file; fails where it is larger than a list may be.
std::string read_list_file(const std::filesystem::path& path);

// Whether the text starts as an HTML page does: servers answer with one where they want a login.
bool is_web_page(std::string_view text);

// What a header says belongs to its record: files of signals, or names of segments.
struct HeaderFiles {
  bool segments = false;
  std::vector<std::string> names;
};

// Reads a header as far as that. Errors: it is none, or ends too early.
HeaderFiles read_header(const std::filesystem::path& path);

}  // namespace ekgine
