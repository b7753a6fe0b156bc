// What processes that train one model must have in common, compared.
#pragma once

#include <string>
#include <string_view>

#include "engine/ranks.h"

namespace ekgine {

// The name of this machine.
std::string host_name();

// A call of all ranks. Errors, the same on all (AgreedError): the first rank whose text is another
// than rank 0's, where it runs, and, of texts of several lines, the first line that differs:
// "options: rank 2 on node7 has 'epochs = 3' in line 4, rank 0 on node1 'epochs = 2'".
void check_same(Ranks& ranks, std::string_view what, std::string_view text);

}  // namespace ekgine
