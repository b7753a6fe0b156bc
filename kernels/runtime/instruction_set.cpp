#include "kernels/runtime/instruction_set.h"

#include <array>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "kernels/compiled_for.h"

#if EKGINE_INSTRUCTION_SETS
// The table of cmake/EkgineInstructionSets.cmake: for each kernel the address in use, and one for
// each set.
extern "C" {
using KernelAddress = const void*;
extern KernelAddress ekgine_kernels_chosen[];         // NOLINT(modernize-avoid-c-arrays)
extern const KernelAddress ekgine_kernels_choices[];  // NOLINT(modernize-avoid-c-arrays)
extern const long ekgine_kernels_count;
}
#endif

namespace ekgine {

namespace {

constexpr const char* variable = "EKGINE_INSTRUCTIONS";

// "" where nothing is asked for.
std::string_view asked_for() {
  const char* const value = std::getenv(variable);
  return value == nullptr ? std::string_view() : value;
}

}  // namespace

std::string label(InstructionSet set) {
  switch (set) {
    case InstructionSet::baseline:
      return "SSE2";
    case InstructionSet::avx2:
      return "AVX2";
    case InstructionSet::avx512:
      return "AVX-512";
  }
  return "?";
}

bool supported(InstructionSet set) {
#ifdef __x86_64__
  __builtin_cpu_init();  // this may run before the compiler's own initialisation
  // Of the smaller parts of a level (movbe, lzcnt, f16c) no processor with these lacks one.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  return set == InstructionSet::baseline || (avx2 && (set == InstructionSet::avx2 || avx512));
#else
  return set == InstructionSet::baseline;
#endif
}

InstructionSet instruction_set() {
  return kernels::compiled_for();
}

bool instruction_set_was_asked_for() {
  return choice_named<InstructionSet>(asked_for()) == instruction_set();
}

void check_instruction_set() {
  const std::string_view name = asked_for();
  if (name.empty()) return;
  const std::optional<InstructionSet> set = choice_named<InstructionSet>(name);
  if (!set) fail("{}='{}' is none of baseline, avx2, avx512", variable, name);
  if (!supported(*set)) fail("{}={}: this processor has no {}", variable, name, label(*set));
  if (*set != instruction_set()) {
    fail("{}={}: this build has code for {} alone; configure with -DEKGINE_NATIVE=OFF", variable,
         name, label(instruction_set()));
  }
}

#if EKGINE_INSTRUCTION_SETS
// Called by the table, as the program starts; a wrong value of the variable waits for
// check_instruction_set(), where an error can be told.
extern "C" void ekgine_choose_kernels() {
  constexpr std::array all = {InstructionSet::baseline, InstructionSet::avx2,
                              InstructionSet::avx512};
  InstructionSet best = InstructionSet::baseline;
  for (const InstructionSet set : all) {
    if (supported(set)) best = set;
  }
  const std::optional<InstructionSet> asked = choice_named<InstructionSet>(asked_for());
  if (asked && supported(*asked)) best = *asked;
  for (long i = 0; i < ekgine_kernels_count; ++i) {
    ekgine_kernels_chosen[i] =
        ekgine_kernels_choices[i * static_cast<long>(all.size()) + static_cast<long>(best)];
  }
}
#endif

}  // namespace ekgine
