#include "evaluation/colours.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace ekgine {
namespace {

constexpr double least = 4.5;  // WCAG 2.1, 1.4.3

void expect_readable(const std::string& what, Colour colour, Colour ground) {
  EXPECT_GE(contrast(colour, ground), least)
      << what << ": " << hex(colour) << " on " << hex(ground);
}

// From the tables of W3C's and WebAIM's contrast checkers.
TEST(Colours, ContrastIsThatOfWcag) {
  EXPECT_NEAR(contrast(rgb(0x000000), rgb(0xFFFFFF)), 21, 1e-9);
  EXPECT_NEAR(contrast(rgb(0xFFFFFF), rgb(0x000000)), 21, 1e-9);
  EXPECT_NEAR(contrast(rgb(0x808080), rgb(0x808080)), 1, 1e-9);
  EXPECT_NEAR(contrast(rgb(0x777777), rgb(0xFFFFFF)), 4.48, 0.005);
  EXPECT_NEAR(contrast(rgb(0x767676), rgb(0xFFFFFF)), 4.54, 0.005);
  EXPECT_NEAR(contrast(rgb(0xFF0000), rgb(0xFFFFFF)), 4.00, 0.005);
  EXPECT_NEAR(contrast(rgb(0x0000FF), rgb(0xFFFFFF)), 8.59, 0.005);
  EXPECT_NEAR(contrast(rgb(0xE69F00), rgb(0xFFFFFF)), 2.25, 0.005) << "why it was darkened";
}

TEST(Colours, AreWrittenAndMixed) {
  EXPECT_EQ(hex(rgb(0x0A0B0C)), "#0A0B0C");
  EXPECT_EQ(mixed(rgb(0x000000), rgb(0xFF8000), 0), rgb(0x000000));
  EXPECT_EQ(mixed(rgb(0x000000), rgb(0xFF8000), 1), rgb(0xFF8000));
  EXPECT_EQ(mixed(rgb(0x000000), rgb(0xFF8000), 0.5), rgb(0x804000));
}

// On greys, which have every luminance that a colour can have.
TEST(Colours, InkIsReadOnEveryGround) {
  for (std::uint32_t grey = 0; grey < 256; ++grey) {
    const Colour ground = rgb(grey * 0x010101);
    expect_readable("ink", ink_on(ground), ground);
  }
}

TEST(Colours, OfPlotsAreReadable) {
  const PlotColours& c = plot_colours;
  expect_readable("ink", c.ink, c.paper);
  expect_readable("soft", c.soft, c.paper);
  for (const Colour series : c.series) expect_readable("a series", series, c.paper);
  for (const Colour ground : {c.none, c.absent}) {
    expect_readable("the 0 of a cell", c.soft, ground);
    expect_readable("the spread on the mean's bar", c.ink, ground);
  }
  for (int percent = 0; percent <= 1000; ++percent) {
    const Colour ground = mixed(c.none, c.all, percent / 1000.0);
    expect_readable("a cell of " + std::to_string(percent) + " ‰", ink_on(ground), ground);
  }
}

TEST(Colours, OfThePageAreReadableInBothSchemes) {
  for (const auto& [name, c] : {std::pair{"light: ", light_page}, {"dark: ", dark_page}}) {
    for (const Colour ground : {c.paper, c.card}) {
      expect_readable(name + std::string("ink"), c.ink, ground);
      expect_readable(name + std::string("soft"), c.soft, ground);
      expect_readable(name + std::string("good"), c.good, ground);
      expect_readable(name + std::string("bad"), c.bad, ground);
      for (const Colour model : c.models)
        expect_readable(name + std::string("model"), model, ground);
    }
    for (int percent = 0; percent <= 1000; ++percent) {
      const Colour ground = mixed(c.card, c.heat, percent / 1000.0);
      expect_readable(name + std::to_string(percent) + " ‰", ink_on(ground), ground);
    }
  }
}

}  // namespace
}  // namespace ekgine
