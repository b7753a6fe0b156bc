#include "base/seal.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace ekgine {
namespace {

TEST(Seal, HoldsForItsBytesAndForNoOthers) {
  std::string text = "head " + std::string(blank_seal) + " tail";
  set_seal(text, 5);
  // printf 'head %064d tail' 0 | sha256sum
  EXPECT_EQ(text.substr(5, 64), "464c4b92a2506972e65eda7968f00b27b549993171d0ad45365bb3fda4a45984");
  EXPECT_TRUE(seal_holds(text, 5));
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(seal_holds(flipped, 5)) << "bit " << bit;
  }
  EXPECT_FALSE(seal_holds(text.substr(0, 60), 5));
}

TEST(Seal, IsTheSameInParts) {
  std::string text = std::string(blank_seal) + "one" + "two";
  const std::string first = text.substr(0, 66), second = text.substr(66);
  const std::string_view parts[] = {first, second}, whole[] = {text};
  EXPECT_EQ(seal_of(parts, 0), seal_of(whole, 0));
}

TEST(SealLine, NoticesEveryFlippedBit) {
  const std::string sealed = with_seal_line("[train]\nepochs = 3\n");
  EXPECT_TRUE(sealed.starts_with("# sha256 ")) << sealed;
  check_seal_line(sealed, "f");
  for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    std::string flipped = sealed;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    EXPECT_THROW(check_seal_line(flipped, "f"), Error) << flipped;
  }
}

TEST(SealLine, FilesWithoutOneAreFine) {
  const std::string sealed = with_seal_line("[train]\nepochs = 3\n");
  for (const std::string& text : {std::string(), std::string("[train]\n"),
                                  sealed.substr(sealed.find('\n') + 1), "# mine\n" + sealed}) {
    check_seal_line(text, "f");
  }
}

}  // namespace
}  // namespace ekgine
