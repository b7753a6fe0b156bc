// A model of a pipeline: an architecture, and options that are its own.
#pragma once

#include <set>
#include <string>

#include "training/options.h"

namespace ekgine {

// "Rhythm_Model:features=rhythm:dropout=0.1", or an architecture alone. An ablation is several
// variants of one architecture beside each other.
struct Variant {
  std::string name;  // the text, whose parts are checked: it can name a folder
  TrainOptions options;
  std::set<std::string> own;  // the names of the options that are its own
};

// `base` as the variant that `text` names has it. An option can be a variant's own if it tells how
// a model learns, not what it works on, and if the architecture has it. Errors name the text: an
// architecture or option that there is not; an option twice; a value that it cannot have.
Variant variant_of(const TrainOptions& base, const std::string& text);

}  // namespace ekgine
