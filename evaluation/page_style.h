// What the pages that ekgine writes look like: that of a study, those of recordings.
#pragma once

#include <string>

namespace ekgine {

// CSS for the head of a page: text, tables (`wide` ones in a `scroll`), cards (`card`, side by side
// in a `grid`), keys of colours (`key`) and what is `soft` or `small`; in SVG `t` for text on axes
// and `axis` for their lines. Colours are custom properties (--paper, --card, --ink, --soft,
// --line, --good, --bad, --m0 to --m3), of evaluation/colours.h, light or dark as the reader's
// system is. On paper the scheme is the light one, nothing scrolls, and what belongs together stays
// on one page.
std::string page_style();

}  // namespace ekgine
