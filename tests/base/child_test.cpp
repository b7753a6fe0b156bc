#include "base/child.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr ChildLimits limits{std::size_t{64} << 20, std::size_t{1} << 20, 2};

std::string run(const std::function<void(const ChildOutput&)>& work) {
  return run_in_child("a.h5", limits, work);
}

// Whether this process has a child, ended or not.
bool has_child() {
  return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD;
}

TEST(Child, GivesWhatItSends) {
  std::string expected;
  for (int i = 0; i < 100'000; ++i) expected += static_cast<char>(i % 251);
  EXPECT_TRUE(run([&](const ChildOutput& output) {
                output(std::string_view(expected).substr(0, 70'000));
                output(std::string_view(expected).substr(70'000));
              }) == expected);
  EXPECT_EQ(run([](const ChildOutput&) {}), "");
  EXPECT_FALSE(has_child());
}

TEST(Child, PassesErrorsOn) {
  EXPECT_ERROR(run([](const ChildOutput& output) {
                 output("half");
                 fail("a.h5:x: is a soft link");
               }),
               ::testing::Eq("a.h5:x: is a soft link"));
  EXPECT_FALSE(has_child());
}

TEST(Child, CrashesAlone) {
  for (const int number : {SIGSEGV, SIGABRT, SIGKILL, SIGFPE}) {
    EXPECT_ERROR(run([&](const ChildOutput&) {
                   std::signal(number, SIG_DFL);
                   ::raise(number);
                 }),
                 "a.h5: cannot be read");
  }
  EXPECT_ERROR(run([](const ChildOutput&) { ::_exit(0); }), "a.h5: cannot be read: the library");
  EXPECT_ERROR(run([](const ChildOutput&) { throw 1; }), "a.h5: cannot be read: the library");
  EXPECT_FALSE(has_child());
}

TEST(Child, HasLimits) {
  EXPECT_ERROR(run([](const ChildOutput&) {
                 for (volatile int i = 0;;) i = i + 1;
               }),
               "a.h5: cannot be read within 2 seconds; damaged?");
  // A sanitizer ends the process instead of throwing.
  EXPECT_ERROR(run([](const ChildOutput& output) {
                 const std::vector<char> many(std::size_t{1} << 30, 'x');
                 output({many.data(), 1});
               }),
               AnyOf(HasSubstr("a.h5: needs more memory than a file of its size may; damaged?"),
                     HasSubstr("a.h5: cannot be read: the library")));
  EXPECT_ERROR(run([](const ChildOutput& output) {
                 for (;;) output("more and more");
               }),
               "a.h5: holds more than a file of its size can; damaged?");
  EXPECT_FALSE(has_child());
}

TEST(Child, HasNoFiles) {
#ifdef __SANITIZE_ADDRESS__
  constexpr bool may_open = true;  // the sanitizers need pipes
#else
  constexpr bool may_open = false;
#endif
  EXPECT_EQ(run([](const ChildOutput& output) {
              const bool opens = !may_open && ::open("/dev/null", O_RDONLY) >= 0;
              const bool speaks = ::write(STDERR_FILENO, "x", 1) > 0;
              output(opens || speaks ? "has" : "none");
            }),
            "none");
}

TEST(Child, WorksWhereChildrenAreIgnoredAndFromThreads) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  std::vector<std::string> outcome(4);
  {
    std::vector<std::jthread> threads;
    for (std::string& text : outcome) {
      threads.emplace_back([&] { text = run([](const ChildOutput& output) { output("right"); }); });
    }
  }
  std::signal(SIGCHLD, before);
  EXPECT_THAT(outcome, ::testing::Each("right"));
  EXPECT_FALSE(has_child());
}

}  // namespace
}  // namespace ekgine
