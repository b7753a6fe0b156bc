// The instruction set that CPU kernels use. A build for any x86-64 processor has every kernel for
// each of them, and takes the best that the processor knows when the program starts; a build for
// one machine (EKGINE_NATIVE) has what its compiler was given. Results of two sets agree within the
// kernels' bounds; the same bits come from the same set.
#pragma once

#include <array>
#include <string>

#include "base/choice.h"

namespace ekgine {

// What each adds: x86-64 itself (SSE2), x86-64-v3 (AVX2, FMA), x86-64-v4 (AVX-512 F, BW, CD, DQ,
// VL).
enum class InstructionSet { baseline, avx2, avx512 };
constexpr auto choices_of(InstructionSet) {
  return std::to_array<Choice<InstructionSet>>({{InstructionSet::baseline, "baseline"},
                                                {InstructionSet::avx2, "avx2"},
                                                {InstructionSet::avx512, "avx512"}});
}

// "SSE2", "AVX2", "AVX-512": for people.
std::string label(InstructionSet set);

// Whether the processor has it, and the operating system its registers.
bool supported(InstructionSet set);

// The one in use.
InstructionSet instruction_set();

// EKGINE_INSTRUCTIONS=baseline, avx2 or avx512 in the environment chooses another one, for oneDNN,
// too. Error: it names none, one that the processor has not, or, in a build for one machine,
// another than the build's. Kernels then use what they would without it.
void check_instruction_set();

// Whether EKGINE_INSTRUCTIONS has chosen the one in use.
bool instruction_set_was_asked_for();

}  // namespace ekgine
