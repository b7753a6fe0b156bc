// The processor that CPU kernels run on.
#pragma once

#include <string>

namespace ekgine {

// As it calls itself: "AMD EPYC 7R13 Processor"; "unknown processor" where it does not say.
std::string processor_name();

}  // namespace ekgine
