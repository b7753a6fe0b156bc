#include "base/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  Progress::set_quiet(true);
  {
    Progress progress("a", "b", 10);
    progress.finish();
  }
  Progress::set_quiet(false);
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

}  // namespace
}  // namespace ekgine
