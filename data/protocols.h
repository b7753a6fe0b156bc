// Splits that published work compares itself by.
#pragma once

#include <span>
#include <string_view>

#include "base/choice.h"
#include "data/splits.h"

namespace ekgine {

enum class Protocol {
  // De Chazal, O'Dwyer, Reilly, IEEE TBME 2004: the MIT-BIH records 101 … 230 of DS1 train, 100 …
  // 234 of DS2 test, 22 each; the paced ones (102, 104, 107, 217) are in neither. 201 and 202,
  // which are of one person, stand on both sides. Classes are those of the label map `ec57`.
  ds1ds2,
};

constexpr auto choices_of(Protocol) {
  return std::to_array<Choice<Protocol>>({{Protocol::ds1ds2, "ds1ds2"}});
}

// The records of a protocol: what data/splits/NAME.json has.
Split protocol_split(Protocol protocol);

// A test record without which figures are given, too: they hang on it, or it is not of a new
// patient.
struct ProtocolOutlier {
  std::string_view record, reason;
};
std::span<const ProtocolOutlier> protocol_outliers(Protocol protocol);

}  // namespace ekgine
