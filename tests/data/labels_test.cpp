#include "data/labels.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

// The class of every symbol that MIT-BIH uses for a beat, in the order of `symbols`.
std::string classes(std::string_view map, std::string_view symbols) {
  std::string result;
  for (const char symbol : symbols) {
    const std::int32_t label = label_map(map).label(symbol);
    result += label < 0 ? "." : class_names[static_cast<std::size_t>(label)];
  }
  return result;
}

TEST(LabelMap, GivesEverySymbolItsClass) {
  //                                NLRB aAJS ejn VEr F /fQ?
  constexpr std::string_view all = "NLRBaAJSejnVErF/fQ?";
  EXPECT_EQ(classes("reference", all), "NNNNSSSSNNNVV.FQQQQ");
  EXPECT_EQ(classes("ec57", all), "NNNNSSSSSSSVVVFQQQQ");
  EXPECT_EQ(classes("dechazal", all), "NNN.SSSSNN.VV.FQQQ.");
}

TEST(LabelMap, LeavesOutWhatIsNoBeat) {
  for (const LabelMap& map : label_maps()) {
    for (const char symbol : std::string_view("+~|sT*D\"=p^tu![]@x() 1\0", 23)) {
      EXPECT_EQ(map.label(symbol), -1) << map.name() << " '" << symbol << "'";
    }
  }
}

TEST(LabelMap, IsFoundByName) {
  for (const LabelMap& map : label_maps()) EXPECT_EQ(&label_map(map.name()), &map);
  EXPECT_EQ(label_map("seed").name(), "reference") << "its name before";
  EXPECT_ERROR(label_map("aami"), "label map 'aami' does not exist (reference, ec57, dechazal do)");
}

}  // namespace
}  // namespace ekgine
