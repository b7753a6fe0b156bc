// A small picture inside a page.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "evaluation/colours.h"

namespace ekgine {

// A PNG file (ISO/IEC 15948) of `width` columns whose `pixels`, row by row, are indices into the
// palette. Stored, not compressed: needs no library, and a scalogram has 6 KB.
// Errors: pixels that are no whole rows.
std::string encode_png(std::int64_t width, std::span<const std::uint8_t> pixels,
                       const std::array<Colour, 256>& palette);

// RFC 4648, with padding.
std::string base64(std::string_view bytes);

// From dark blue over magenta to pale yellow; lightness grows evenly.
const std::array<Colour, 256>& heat_palette();

}  // namespace ekgine
