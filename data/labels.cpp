#include "data/labels.h"

#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/suggestion.h"

namespace ekgine {

namespace {

//                               N          S          V      F    Q
constexpr LabelMap maps[] = {
    {"reference", {"NLRejnB", "AaJS", "VE", "F", "/fQ?"}},
    {"ec57", {"NLRB", "AaJSejn", "VEr", "F", "/fQ?"}},
    {"dechazal", {"NLRej", "AaJS", "VE", "F", "/fQ"}},
};

}  // namespace

std::span<const LabelMap> label_maps() {
  return maps;
}

std::string_view label_map_name(std::string_view name) {
  return name == "seed" ? "reference" : name;
}

const LabelMap& label_map(std::string_view name) {
  std::vector<std::string> names;
  for (const LabelMap& map : maps) {
    if (map.name() == label_map_name(name)) return map;
    names.emplace_back(map.name());
  }
  fail("label map '{}' does not exist ({} do){}", name, fmt::join(names, ", "),
       did_you_mean(name, names));
}

}  // namespace ekgine
