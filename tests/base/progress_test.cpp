#include "base/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/console.h"

namespace ekgine {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(FormatDuration, RoundsToSeconds) {
  EXPECT_EQ(format_duration(0), "0:00");
  EXPECT_EQ(format_duration(0.49), "0:00");
  EXPECT_EQ(format_duration(0.5), "0:01");
  EXPECT_EQ(format_duration(59.4), "0:59");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(75), "1:15");
  EXPECT_EQ(format_duration(3599.4), "59:59");
  EXPECT_EQ(format_duration(3599.5), "1:00:00");
  EXPECT_EQ(format_duration(3725), "1:02:05");
  EXPECT_EQ(format_duration(100 * 3600), "100:00:00");
  EXPECT_EQ(format_duration(-3), "0:00");
}

// stderr of a test is no terminal: only the final line appears in so short a time.
TEST(Progress, LeavesAFinalLine) {
  ::testing::internal::CaptureStderr();
  {
    Progress progress("epoch 2/6", "sequences", 200);
    progress.update(50);
    progress.update(200, "loss 0.3");
    progress.finish("loss 0.2");
    progress.finish("again");
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, AllOf(StartsWith("epoch 2/6 [########################] 200/200 "),
                          HasSubstr(" sequences/s "), EndsWith("  loss 0.2\n")));
  EXPECT_THAT(text, AllOf(Not(HasSubstr("again")), Not(HasSubstr("\r")))) << "one plain line";
}

TEST(Progress, SaysNothingWhenQuietOrCutShort) {
  ::testing::internal::CaptureStderr();
  { Progress cut_short("a", "b", 10); }
  set_quiet(true);
  {
    Progress progress("a", "b", 10);
    progress.finish();
  }
  set_quiet(false);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(Progress, TakesABetterTotal) {
  ::testing::internal::CaptureStderr();
  Progress progress("download", "kB", 0);
  progress.set_total(80);
  progress.update(40);
  progress.finish();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              StartsWith("download [############............] 40/80 "));
}

TEST(Progress, SurvivesEmptyWork) {
  ::testing::internal::CaptureStderr();
  Progress progress("nothing", "records", 0);
  progress.finish();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), StartsWith("nothing ["));
}

// What `work` writes to a terminal of so many columns.
template <class Work>
std::string on_a_terminal(unsigned short columns, const Work& work) {
  int ours = -1, terminal = -1;
  winsize size{24, columns, 0, 0};
  if (openpty(&ours, &terminal, nullptr, nullptr, &size) != 0) return "no terminal";
  const int before = dup(STDERR_FILENO);
  dup2(terminal, STDERR_FILENO);
  work();
  dup2(before, STDERR_FILENO);
  close(before);
  close(terminal);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = read(ours, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  close(ours);
  return text;
}

// What stood in the line, one after another: each erases the one before.
std::vector<std::string> drawn_lines(const std::string& text) {
  constexpr std::string_view erase = "\r\x1b[K";
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    EXPECT_EQ(text.substr(at, erase.size()), erase) << "at " << at << " of " << text;
    const std::size_t next = std::min(text.find(erase, at + erase.size()), text.size());
    lines.push_back(text.substr(at + erase.size(), next - at - erase.size()));
    at = next;
  }
  return lines;
}

class ProgressOnTerminal : public ::testing::TestWithParam<unsigned short> {};

TEST_P(ProgressOnTerminal, RedrawsOneLineThatFits) {
  const std::string text = on_a_terminal(GetParam(), [] {
    Progress progress("epoch 10/20", "sequences", 123456);
    for (int i = 1; i <= 3; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(105));
      progress.update(i * 12345, "loss 0.1234, 心電図");
    }
    progress.finish("loss 0.1234");
  });
  std::vector<std::string> lines = drawn_lines(text);
  ASSERT_EQ(lines.size(), 4);
  EXPECT_THAT(lines.back(), EndsWith("\r\n")) << "the last one stays";
  lines.back().resize(lines.back().size() - 2);
  for (const std::string& line : lines) {
    EXPECT_LT(display_width(line), GetParam()) << line;
    EXPECT_THAT(line, Not(HasSubstr("\n")));
    if (GetParam() >= 20) {
      EXPECT_THAT(line, StartsWith("epoch 10/20 "));
    }
  }
  if (GetParam() >= 60) {
    EXPECT_THAT(lines[0], HasSubstr("loss 0.1234"));
  }
  if (GetParam() >= 120) {
    EXPECT_THAT(lines[0], HasSubstr("[##"));
  }
}

INSTANTIATE_TEST_SUITE_P(Columns, ProgressOnTerminal,
                         ::testing::Values(200, 120, 80, 60, 40, 20, 1));

// The figures of a validation are in its final line alone: counts and time go before they do.
TEST(Progress, KeepsTheFiguresOfAFinalLine) {
  const auto final_line = [](unsigned short columns) {
    const std::string text = on_a_terminal(columns, [] {
      Progress progress("  validation", "beats", 22080);
      progress.update(22080);
      progress.finish("loss 5.7452 accuracy 0.1088 macro F1 0.0597");
    });
    return drawn_lines(text).back();
  };
  const std::string figures = "  loss 5.7452 accuracy 0.1088 macro F1 0.0597\r\n";
  EXPECT_THAT(final_line(200), AllOf(HasSubstr("[########################] 22080/22080 "),
                                     HasSubstr(" beats/s 0:00"), EndsWith(figures)));
  EXPECT_EQ(final_line(80), "  validation 22080/22080 0:00" + figures);
  EXPECT_EQ(final_line(60), "  validation" + figures);
  EXPECT_EQ(final_line(40), "  validation  loss 5.7452 accuracy 0.10\r\n");
}

// The width is asked each time.
TEST(Progress, FitsATerminalThatIsResized) {
  const std::string text = on_a_terminal(200, [] {
    Progress progress("epoch 10/20", "sequences", 123456);
    for (const auto columns : std::to_array<unsigned short>({200, 40, 120, 60})) {
      const winsize size{24, columns, 0, 0};
      ASSERT_EQ(ioctl(STDERR_FILENO, TIOCSWINSZ, &size), 0);
      std::this_thread::sleep_for(std::chrono::milliseconds(105));
      progress.update(columns * 500, "loss 0.1234, 心電図");
    }
  });
  const std::vector<std::string> lines = drawn_lines(text);
  ASSERT_EQ(lines.size(), 4);
  EXPECT_GT(display_width(lines[0]), 80);
  EXPECT_LT(display_width(lines[1]), 40);
  EXPECT_GT(display_width(lines[2]), 80);
  EXPECT_LT(display_width(lines[3].substr(0, lines[3].find('\r'))), 60);
}

// A terminal that does not tell its width.
TEST(Progress, FitsTheColumnsOfTheEnvironment) {
  const char* const before = std::getenv("COLUMNS");
  const std::string kept = before == nullptr ? "" : before;
  setenv("COLUMNS", "50", 1);
  const std::string text = on_a_terminal(0, [] {
    draw_line(std::string(300, 'x'));
    end_line();
  });
  before == nullptr ? unsetenv("COLUMNS") : setenv("COLUMNS", kept.c_str(), 1);
  EXPECT_EQ(text, "\r\x1b[K" + std::string(49, 'x') + "\r\n");
}

TEST(Progress, MessagesTakeThePlaceOfTheDrawnLine) {
  const std::string text = on_a_terminal(80, [] {
    draw_line("half");
    print_message("a\x1b[2Jb");
    print_message("c");
  });
  EXPECT_EQ(text, "\r\x1b[Khalf\r\x1b[Ka\\x1b[2Jb\r\nc\r\n");
}

}  // namespace
}  // namespace ekgine
