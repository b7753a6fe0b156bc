// Source lines of machine code.
#pragma once

#include <string>

namespace ekgine::emulation {

// "file:line" of the call that returns to `address`; where the call was inlined, followed by the
// lines it was inlined from: "reduce.cuh:37, inlined at layer_norm.cu:80". Needs -g1.
std::string source_line(const void* address);

// The path of a source file within the project; of any other file, its name.
std::string project_path(const char* file);

}  // namespace ekgine::emulation
