#include "kernels/runtime/instruction_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/error.h"

namespace ekgine::testing {
namespace {

// What the tests kernels.as_baseline and so on count on: where the processor has not what they ask
// for, this fails with the line that they are skipped by.
TEST(InstructionSet, IsTheOneAskedFor) {
  const char* const asked = std::getenv("EKGINE_INSTRUCTIONS");
  if (asked == nullptr) {
    // The best there is.
    EXPECT_TRUE(supported(instruction_set()));
    for (const auto& choice : choices_of(InstructionSet())) {
      if (supported(choice.value)) {
        EXPECT_LE(choice.value, instruction_set()) << choice.name;
      }
    }
    EXPECT_FALSE(instruction_set_was_asked_for());
    return;
  }
  EXPECT_NO_THROW(check_instruction_set());
  EXPECT_EQ(choice_name(instruction_set()), asked);
  EXPECT_TRUE(instruction_set_was_asked_for());
}

TEST(InstructionSet, HigherOnesHaveTheLowerOnes) {
  EXPECT_TRUE(supported(InstructionSet::baseline));
  EXPECT_LE(supported(InstructionSet::avx512), supported(InstructionSet::avx2));
}

}  // namespace
}  // namespace ekgine::testing
