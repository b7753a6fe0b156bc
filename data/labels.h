// What a beat's annotation symbol means as a class: named maps, chosen by an option.
//
// All have the five classes of ANSI/AAMI EC57:
//   0 N  normal, or nothing of the others      3 F  fusion of ventricular and normal
//   1 S  supraventricular ectopic              4 Q  paced, or not classifiable
//   2 V  ventricular ectopic
//
//   reference  as the reference has it: escape beats of the atria (e, j, n) count as normal.
//   ec57       ANSI/AAMI EC57:2012, as WFDB's bxb scores: escape beats of the atria are
//              supraventricular, R-on-T beats (r) ventricular.
//   dechazal   de Chazal, O'Dwyer, Reilly: "Automatic classification of heartbeats using ECG
//              morphology and heartbeat interval features", IEEE TBME 2004, table I. Symbols that
//              do not occur in it are left out.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/beat.h"

namespace ekgine {

constexpr std::array<std::string_view, class_count> class_names = {"N", "S", "V", "F", "Q"};
constexpr std::array<std::string_view, class_count> class_descriptions = {
    "normal or bundle branch block", "supraventricular ectopic", "ventricular ectopic",
    "fusion of ventricular and normal", "paced or unclassifiable"};

class LabelMap {
 public:
  // `symbols[c]` holds the symbols of class c.
  constexpr LabelMap(std::string_view name, std::array<std::string_view, class_count> symbols)
      : name_(name), symbols_(symbols) {}

  std::string_view name() const { return name_; }

  // The class of a symbol, or -1: not a beat of this map.
  std::int32_t label(char symbol) const {
    for (std::size_t c = 0; c < symbols_.size(); ++c) {
      if (symbols_[c].find(symbol) != std::string_view::npos) return static_cast<std::int32_t>(c);
    }
    return -1;
  }

 private:
  std::string_view name_;
  std::array<std::string_view, class_count> symbols_;
};

std::span<const LabelMap> label_maps();

// What the map of that name is called today: files of before 2026-12 call `reference` seed.
std::string_view label_map_name(std::string_view name);

// The map of that name, today's or before. Errors list the names there are.
const LabelMap& label_map(std::string_view name);

}  // namespace ekgine
