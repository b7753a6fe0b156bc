#include "research/png.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/expect_error.h"

namespace ekgine::testing {
namespace {

// RFC 4648, section 10.
TEST(Base64, TestVectors) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64(std::string_view("\xff\x00\x80\xfe", 4)), "/wCA/g==");
}

// Head and tail of the same picture as Python's zlib and struct write it.
TEST(Png, IsWhatAnIndependentWriterWrites) {
  std::array<Colour, 256> palette;
  for (std::size_t i = 0; i < palette.size(); ++i) {
    palette[i] = {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(255 - i), 7};
  }
  const std::vector<std::uint8_t> pixels = {0, 255, 128, 1, 2, 3};
  const std::string png = encode_png(3, pixels, palette);
  ASSERT_EQ(png.size(), 856u);
  EXPECT_EQ(base64(png.substr(0, 33)), "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAMAAACqqpYo");
  EXPECT_EQ(base64(png.substr(png.size() - 47)),
            "OooFzQAAABNJREFUeAEBCAD3/wAA/4AAAQIDCIwBhspG9LAAAAAASUVORK5CYII=");
}

TEST(Png, NeedsWholeRows) {
  const std::vector<std::uint8_t> pixels(7);
  EXPECT_ERROR(encode_png(3, pixels, heat_palette()), "png: 7 pixels are no rows of 3");
  EXPECT_ERROR(encode_png(0, pixels, heat_palette()), "png: 7 pixels are no rows of 0");
  EXPECT_ERROR(encode_png(3, {}, heat_palette()), "png: 0 pixels are no rows of 3");
}

TEST(HeatPalette, GetsLighterAllTheWay) {
  const auto luminance = [](const Colour& c) { return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]; };
  const auto& palette = heat_palette();
  for (std::size_t i = 1; i < palette.size(); ++i) {
    EXPECT_GE(luminance(palette[i]), luminance(palette[i - 1]) - 0.6) << i;
  }
  EXPECT_GT(luminance(palette[255]) - luminance(palette[0]), 200);
}

}  // namespace
}  // namespace ekgine::testing
