// The beats of a page: which are worth a look, and how they are shown.
#pragma once

#include <cstddef>
#include <vector>

#include "base/html.h"
#include "research/page.h"

namespace ekgine {

// The beats worth a look, for each class that occurs: the one that `models[best]` is most certain
// of, and its most certain mistake. Without samples and scalograms.
std::vector<PageBeat> choose_beats(const std::vector<PageModel>& models, std::size_t best);

// The model of the highest macro F1, the first of equals.
std::size_t best_model(const std::vector<PageModel>& models);

// The page's section on its beats; nothing where it has none.
void add_beats(Html& html, const Page& page);

}  // namespace ekgine
