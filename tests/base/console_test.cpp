#include "base/console.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

TEST(Printable, LeavesTextAsItIs) {
  EXPECT_EQ(printable("100.hea:2: größer, 心電図, 5 µV"), "100.hea:2: größer, 心電図, 5 µV");
}

TEST(Printable, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(printable("a\nb\tc\r"), "a\\nb c\\x0d");
  EXPECT_EQ(printable("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  EXPECT_EQ(printable("\u009b31m"), "\\xc2\\x9b31m");
  EXPECT_EQ(printable("\u202egnp"), "\\xe2\\x80\\xaegnp");
}

TEST(Printable, ShowsBytesThatAreNoUtf8) {
  EXPECT_EQ(printable("caf\xe9"), "caf\\xe9");
  EXPECT_EQ(printable("\xc3"), "\\xc3");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(IsUtf8, TellsTextFromBytes) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("größer, 心電図, \x01"));
  EXPECT_FALSE(is_utf8("caf\xe9"));
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));
}

TEST(DisplayWidth, CountsColumns) {
  EXPECT_EQ(display_width("größer"), 6);
  EXPECT_EQ(display_width("心電図"), 6);
  EXPECT_EQ(display_width("e\u0301"), 1);
  EXPECT_EQ(cut_to_width("心電図", 5), "心電");
  EXPECT_EQ(cut_to_width("größer", 3), "grö");
  EXPECT_EQ(cut_to_width("abc", 9), "abc");
}

TEST(PrintResult, MakesEachLinePrintable) {
  ::testing::internal::CaptureStdout();
  print_result("a\x1b[31m\n\nb\n");
  print_result("c");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "a\\x1b[31m\n\nb\nc");
}

// Puts a descriptor in the place of a standard stream.
class InPlaceOf {
 public:
  InPlaceOf(int stream, int other) : stream_(stream), before_(dup(stream)) { dup2(other, stream); }
  InPlaceOf(const InPlaceOf&) = delete;
  InPlaceOf& operator=(const InPlaceOf&) = delete;
  ~InPlaceOf() {
    dup2(before_, stream_);
    close(before_);
  }

 private:
  int stream_, before_;
};

TEST(PrintResult, FailsWhereItCannotBeWritten) {
  const int full = open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  {
    const InPlaceOf out(STDOUT_FILENO, full);
    EXPECT_ERROR(print_result("a"), "stdout: cannot write the result: No space left on device");
  }
  close(full);
}

TEST(PrintMessage, IsLostWhereNobodyReads) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  fcntl(ends[1], F_SETPIPE_SZ, 4096);
  const auto start = std::chrono::steady_clock::now();
  {
    const InPlaceOf error(STDERR_FILENO, ends[1]);
    for (int i = 0; i < 200; ++i) print_message(std::string(100, 'x'));
  }
  // Waited for once, not 160 times.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
  close(ends[0]);
  close(ends[1]);
}

TEST(AnotherSpeaks, LeavesErrorsAlone) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  set_another_speaks(true);
  EXPECT_TRUE(quiet());
  draw_line("drawn");
  end_line();
  print_message("a message");
  notice("a notice of another that speaks");
  print_result("a result\n");
  print_error("an error\x1b");
  set_another_speaks(false);
  EXPECT_FALSE(quiet());
  print_message("a message");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "an error\\x1b\na message\n");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace ekgine
