#include "data/labels.h"

#include "base/error.h"

namespace ekgine {

namespace {

//                               N          S          V      F    Q
constexpr LabelMap maps[] = {
    {"seed", {"NLRejnB", "AaJS", "VE", "F", "/fQ?"}},
    {"ec57", {"NLRB", "AaJSejn", "VEr", "F", "/fQ?"}},
    {"dechazal", {"NLRej", "AaJS", "VE", "F", "/fQ"}},
};

}  // namespace

std::span<const LabelMap> label_maps() {
  return maps;
}

const LabelMap& label_map(std::string_view name) {
  std::string names;
  for (const LabelMap& map : maps) {
    if (map.name() == name) return map;
    names += (names.empty() ? "" : ", ") + std::string(map.name());
  }
  fail("label map '{}' does not exist ({} do)", name, names);
}

}  // namespace ekgine
