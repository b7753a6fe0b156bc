#include "base/library_crash.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "base/atomic_file.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::ExitedWithCode;
using ::testing::KilledBySignal;

TEST(LibraryCrash, IsOneLineAndTakesTemporaryFilesAlong) {
  const testing::TemporaryDirectory directory;
  const auto crash = [&] {
    report_library_crashes();
    AtomicWriter file(directory.path() / "result");
    file.write("half");
    const InLibrary in_library("libexample");
    std::abort();
  };
  EXPECT_EXIT(crash(), ExitedWithCode(1), "^ekgine: libexample crashed: [^\n]*\n$");
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(LibraryCrash, OutsideOfOneIsACrash) {
  const auto crash = [] {
    report_library_crashes();
    { const InLibrary in_library("libexample"); }
    std::abort();
  };
  EXPECT_EXIT(crash(), KilledBySignal(SIGABRT), "");
}

TEST(LibraryCrash, NestedCallsReturnToTheOuterOne) {
  const InLibrary outer("outer");
  { const InLibrary inner("inner"); }
  EXPECT_STREQ(InLibrary::name(), "outer");
}

}  // namespace
}  // namespace ekgine
