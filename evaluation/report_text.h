// How reports are laid out: headings, tables, lines of bounded width.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ekgine {

// Rows of cells; the first column to the left, the others to the right, two blanks between.
std::string text_table(const std::vector<std::vector<std::string>>& rows);

// `text` in lines of 96 columns, the first opened by `first`, the others indented as far.
std::string wrapped_text(std::string_view first, std::string_view text);

// A line with an empty one before and after it.
std::string text_heading(std::string_view text);

// `text` and blanks up to so many columns.
std::string padded_right(std::string_view text, std::size_t width);

}  // namespace ekgine
