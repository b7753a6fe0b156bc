// The colours of the plots and of the page, and how well one is read on another.
//
// All are here, and a test holds them to WCAG 2.1 (1.4.3, level AA, asked of lines and marks too):
// text and whatever carries meaning has a contrast of 4.5:1 at least with what it stands on. Only
// what may be overlooked has less: grid lines, and lines between cells and around cards.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace ekgine {

using Colour = std::array<std::uint8_t, 3>;  // red, green, blue of sRGB

// 0x0072B2 → that colour.
constexpr Colour rgb(std::uint32_t hex) {
  return {static_cast<std::uint8_t>(hex >> 16), static_cast<std::uint8_t>(hex >> 8 & 0xFF),
          static_cast<std::uint8_t>(hex & 0xFF)};
}

// "#0072B2", for gnuplot and CSS.
std::string hex(Colour colour);

// (L₁ + 0.05) / (L₂ + 0.05) of the lighter's and the darker's relative luminance, 1 to 21.
double contrast(Colour a, Colour b);

// Between two colours, channel by channel: `from` at 0, `to` at 1.
Colour mixed(Colour from, Colour to, double share);

// Black or white, whichever is read better on `ground`: 4.58:1 at least, whatever the ground.
Colour ink_on(Colour ground);

// Series have the hues of Okabe and Ito (2008), darkened for the contrast. The first five are told
// apart with any colour vision: 19.9 apart at least in CIELAB, by normal vision and as Machado,
// Oliveira and Fernandes (2009) show that of people without one kind of cone; the originals 17.0.
struct PlotColours {
  Colour paper = rgb(0xFFFFFF), ink = rgb(0x222222), soft = rgb(0x666666), grid = rgb(0xE6E6E6);
  // Of matrices: the ground of a share of none, of all, and of a row of which there is nothing.
  Colour none = rgb(0xF0F4F9), all = rgb(0x084A8C), absent = rgb(0xF4F4F4);
  std::array<Colour, 7> series = {rgb(0x0072B2), rgb(0xA36200), rgb(0x852C00), rgb(0x005236),
                                  rgb(0x753865), rgb(0x4B3FB8), rgb(0x000000)};
};
inline constexpr PlotColours plot_colours;

// Of the page in one of its two schemes. Models have a colour each; a further one repeats them.
struct PageColours {
  Colour paper, card, ink, soft, line, heat, good, bad;
  std::array<Colour, 4> models;
};
inline constexpr PageColours light_page = {
    rgb(0xFFFFFF), rgb(0xF6F7F9), rgb(0x1B2130),
    rgb(0x5D6678), rgb(0xD9DDE5), rgb(0x0A5FA5),
    rgb(0x00805C), rgb(0xB3261E), {rgb(0x0072B2), rgb(0xB35500), rgb(0x00805C), rgb(0xA8507F)}};
inline constexpr PageColours dark_page = {
    rgb(0x11151C), rgb(0x1A202A), rgb(0xE8EBF1),
    rgb(0x9AA4B5), rgb(0x323A48), rgb(0x2F8FD8),
    rgb(0x35C49A), rgb(0xFF8A80), {rgb(0x56B4E9), rgb(0xF0A03C), rgb(0x35C49A), rgb(0xE08DBB)}};

}  // namespace ekgine
