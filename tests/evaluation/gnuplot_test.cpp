#include "evaluation/gnuplot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "base/atomic_file.h"
#include "tests/evaluation/pictures.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using testing::expect_picture;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SearchPath;
using testing::TemporaryDirectory;
using testing::write_fake_gnuplot;

#define NEEDS_GNUPLOT \
  if (!testing::gnuplot_installed()) GTEST_SKIP() << "gnuplot is not installed"

std::vector<Picture> two_pictures() {
  return {{"first", 300, 200, "$data << EOD\n0 0\n1 2\nEOD\n", "plot $data with lines"},
          {"second", 400, 300, "", "plot sin(x)"}};
}

TEST(Gnuplot, DrawsPicturesSideBySide) {
  NEEDS_GNUPLOT;
  const TemporaryDirectory directory;
  EXPECT_THAT(draw_pictures(directory.path(), two_pictures()), IsEmpty());
  expect_picture(directory.path(), "first", 300, 200);
  expect_picture(directory.path(), "second", 400, 300);
}

TEST(Gnuplot, TakesAnyPathAndText) {
  NEEDS_GNUPLOT;
  const TemporaryDirectory parent;
  const auto directory = parent / "it's \"a\" folder \\n $x `date` {/:Bold ü}";
  make_directory(directory);
  auto pictures = two_pictures();
  pictures.resize(1);
  pictures[0].commands = "set label " + gnuplot_string("5% of 'N'\n`touch here` \\ @x _y^2 {z") +
                         " at graph 0.1,0.5 noenhanced\nplot $data with lines notitle";
  EXPECT_THAT(draw_pictures(directory, pictures), IsEmpty());
  expect_picture(directory, "first", 300, 200);
  EXPECT_THAT(read_file(directory / "first.svg"),
              HasSubstr("5% of 'N' `touch here` \\ @x _y^2 {z"));
}

// gnuplot hands what follows a '|' in the name of its output to a shell.
TEST(Gnuplot, TakesNoNameForACommand) {
  NEEDS_GNUPLOT;
  const TemporaryDirectory parent;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(parent.path());
  auto pictures = two_pictures();
  pictures.resize(1);
  for (const char* name : {"|touch X;#", "`touch X`", "$(touch X)", "-x", "a\n!touch X\n", "b'\";|",
                           "\xff\x1b[2J", "~", "%s"}) {
    SCOPED_TRACE(name);
    make_directory(name);
    EXPECT_THAT(draw_pictures(name, pictures), IsEmpty());
    expect_picture(name, "first", 300, 200);
    EXPECT_FALSE(std::filesystem::exists("X"));
  }
  std::filesystem::current_path(before);
}

TEST(Gnuplot, ReportsItsMessageForThePictureThatFails) {
  NEEDS_GNUPLOT;
  const TemporaryDirectory directory;
  auto pictures = two_pictures();
  pictures[0].commands = "plot no_such_function(x)";
  EXPECT_THAT(draw_pictures(directory.path(), pictures),
              ElementsAre(AllOf(HasSubstr("Not drawn: first: gnuplot failed with status 1: "),
                                HasSubstr("undefined function"), Not(HasSubstr("\n")))));
  EXPECT_FALSE(std::filesystem::exists(directory / "first.png"));
  EXPECT_FALSE(std::filesystem::exists(directory / "first.svg.partial"));
  expect_picture(directory.path(), "second", 400, 300);
}

TEST(Gnuplot, MissingIsOneNote) {
  const TemporaryDirectory directory, empty;
  const SearchPath nothing(empty.path());
  EXPECT_THAT(draw_pictures(directory.path(), two_pictures()),
              ElementsAre("Not drawn: first, second: gnuplot is not installed (Debian: apt-get "
                          "install gnuplot-nox)"));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(Gnuplot, SaysWhenOlderPicturesAreThere) {
  const TemporaryDirectory directory, empty;
  write_file(directory / "second.svg", "old");
  const SearchPath nothing(empty.path());
  EXPECT_THAT(
      draw_pictures(directory.path(), two_pictures()),
      ElementsAre(HasSubstr("first, second (the files here are from an earlier run): gnuplot")));
  EXPECT_EQ(read_file(directory / "second.svg"), "old");
}

TEST(Gnuplot, ThatDiesOrLeavesNothingIsANote) {
  const TemporaryDirectory directory, fake;
  write_fake_gnuplot(fake.path(), "echo 'line 1:   out of' >&2; echo luck >&2; exit 3");
  {
    const SearchPath path(fake.path());
    EXPECT_THAT(draw_pictures(directory.path(), two_pictures()),
                ElementsAre("Not drawn: first, second: gnuplot failed with status 3: line 1: out "
                            "of luck"));
  }
  write_fake_gnuplot(fake.path(), "kill -9 $$");
  {
    const SearchPath path(fake.path());
    EXPECT_THAT(draw_pictures(directory.path(), two_pictures()),
                ElementsAre("Not drawn: first, second: gnuplot was ended by signal 9"));
  }
  write_fake_gnuplot(fake.path(), "exit 0");
  {
    const SearchPath path(fake.path());
    EXPECT_THAT(draw_pictures(directory.path(), two_pictures()),
                ElementsAre("Not drawn: first, second: gnuplot left an incomplete picture"));
  }
  // The SVG is whole, the PNG after it is not: neither may appear.
  write_fake_gnuplot(fake.path(),
                     "PATH=/usr/bin:/bin\n"
                     "for file in $(sed -n \"s/^set output '\\(.*\\)'/\\1/p\"); do\n"
                     "  echo '<svg></svg>' > $file\n"
                     "done");
  {
    const SearchPath path(fake.path());
    EXPECT_THAT(draw_pictures(directory.path(), two_pictures()),
                ElementsAre("Not drawn: first, second: gnuplot left an incomplete picture"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

// Also one that writes more to stderr than a pipe holds, and one that closes stderr and goes on.
TEST(Gnuplot, ThatDoesNotEndIsStopped) {
  for (const char* script :
       {"while :; do echo still at it >&2; done", "exec 2>&-; while :; do :; done"}) {
    SCOPED_TRACE(script);
    const TemporaryDirectory directory, fake;
    write_fake_gnuplot(fake.path(), script);
    const SearchPath path(fake.path());
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THAT(
        draw_pictures(directory.path(), two_pictures(), std::chrono::milliseconds(150)),
        ElementsAre("Not drawn: first, second: gnuplot did not finish in time and was stopped"));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
    EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  }
}

// gnuplot itself says nothing and exits with 0 when the disk is full.
TEST(Gnuplot, OnADiskThatFillsUpKeepsTheOldPictures) {
  NEEDS_GNUPLOT;
  const TemporaryDirectory directory;
  ASSERT_THAT(draw_pictures(directory.path(), two_pictures()), IsEmpty());
  const std::string svg = read_file(directory / "second.svg");
  const std::string png = read_file(directory / "second.png");
  {
    const testing::FileSizeLimit limit(1500);
    EXPECT_THAT(draw_pictures(directory.path(), two_pictures()),
                ElementsAre(HasSubstr("first, second (the files here are from an earlier run)")));
  }
  EXPECT_EQ(read_file(directory / "second.svg"), svg);
  EXPECT_EQ(read_file(directory / "second.png"), png);
  EXPECT_FALSE(std::filesystem::exists(directory / "second.png.partial"));
}

TEST(Gnuplot, WantsADirectoryThatExists) {
  const TemporaryDirectory parent;
  EXPECT_ERROR(draw_pictures(parent / "missing", two_pictures()),
               "the folder " + (parent / "missing").string() + " does not exist");
}

TEST(Gnuplot, WantsAWritableDirectory) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  const TemporaryDirectory parent;
  std::filesystem::permissions(
      parent.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  EXPECT_ERROR(draw_pictures(parent.path(), two_pictures()), "cannot write in");
  std::filesystem::permissions(parent.path(), std::filesystem::perms::owner_all);
}

TEST(GnuplotString, QuotesWhatEndsALiteral) {
  EXPECT_EQ(gnuplot_string("plain"), "'plain'");
  EXPECT_EQ(gnuplot_string("it's\nso"), "'it''s so'");
  EXPECT_EQ(gnuplot_string("a\x1b[2J\xff"), "'a\\x1b[2J\\xff'");
}

}  // namespace
}  // namespace ekgine
