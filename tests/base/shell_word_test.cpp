#include "base/shell_word.h"

#include <gtest/gtest.h>

namespace ekgine {
namespace {

TEST(ShellWord, QuotesWhatAShellMayTakeForMore) {
  EXPECT_EQ(shell_word("runs/Main_Model-1"), "runs/Main_Model-1");
  EXPECT_EQ(shell_word("two words"), "'two words'");
  EXPECT_EQ(shell_word("|touch X;#"), "'|touch X;#'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace ekgine
