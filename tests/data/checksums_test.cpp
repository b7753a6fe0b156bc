#include "data/checksums.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

const std::string a_digest(64, '1'), other_digest(64, '2');

TEST(Checksums, ReadsTheFormsThatAreAbout) {
  EXPECT_THAT(
      parse_checksums(
          a_digest + " RECORDS\n" + other_digest + "  x/a b.dat\r\n\n" + a_digest + " *c", "S"),
      ElementsAre(Pair("RECORDS", a_digest), Pair("c", a_digest), Pair("x/a b.dat", other_digest)));
  const std::string lower = "b82cc005618eab81b3a246ca5c5a61903f3c0f40c191d7fb953adf054ea691de";
  const std::string upper = "B82CC005618EAB81B3A246CA5C5A61903F3C0F40C191D7FB953ADF054EA691DE";
  EXPECT_THAT(parse_checksums(upper + " 231.atr\n", "S"), ElementsAre(Pair("231.atr", lower)));
  EXPECT_EQ(parse_checksums(a_digest + " a\n" + a_digest + " a\n", "S").size(), 1u);
}

TEST(Checksums, NameTheLineThatIsWrong) {
  const std::string expected =
      "expected a SHA-256 of 64 hexadecimal digits, a space and a file name";
  EXPECT_ERROR(parse_checksums("", "S"), "S: is empty, expected a line per file of the database");
  EXPECT_ERROR(parse_checksums("\n \n", "S"), "S: is empty");
  EXPECT_ERROR(parse_checksums("<!DOCTYPE html>\n<p>", "http://x/S"),
               "http://x/S:1: found '<!DOCTYPE html>', " + expected);
  for (const std::string& line :
       {a_digest, a_digest + " ", a_digest + "a", a_digest + "1 a", a_digest.substr(1) + " a",
        "g" + a_digest.substr(1) + " a", std::string(" ") + a_digest + " a", a_digest + "\ta",
        "\\" + a_digest + " a"}) {
    SCOPED_TRACE(line);
    EXPECT_ERROR(parse_checksums(other_digest + " good\n\n" + line + "\n", "S"), "S:3: found '");
    EXPECT_ERROR(parse_checksums(line, "S"), expected);
  }
  EXPECT_ERROR(parse_checksums(a_digest + " a\n" + other_digest + " a\n", "S"),
               "S:2: a has another SHA-256 above");
  // Messages stay a_digest short printable line whatever was sent.
  EXPECT_ERROR(parse_checksums(std::string(5000, '\x01') + "\x1b[2J", "S"),
               "S:1: found '" + std::string(60, '?') + "...', expected");
}

TEST(Checksums, RefuseAFileThatIsAFolder) {
  EXPECT_ERROR(parse_checksums(a_digest + " a\n" + a_digest + " a.b\n" + a_digest + " a/b\n", "S"),
               "S: lists a as a file and as a folder");
  const Checksums files = parse_checksums(a_digest + " a/b\n" + a_digest + " c\n", "S");
  EXPECT_TRUE(names(files, "a"));
  EXPECT_TRUE(names(files, "a/b"));
  EXPECT_TRUE(names(files, "c"));
  EXPECT_FALSE(names(files, "a/"));
  EXPECT_FALSE(names(files, "b"));
}

TEST(Checksums, RefuseNamesThatLeadOut) {
  for (const char* name : {"../x", "a/../../x", "a/..", "..", ".", "./a", "/etc/passwd", "a//b",
                           "a/", "..\\x", "a\\b", "C:\\x", "a\x01", "a\x7f", "a\tb"}) {
    SCOPED_TRACE(name);
    EXPECT_ERROR(check_inside(name, "RECORDS:3"), "RECORDS:3: '");
    EXPECT_ERROR(check_inside(name, "RECORDS:3"),
                 "' is refused, expected the path of a file inside the database");
    EXPECT_ERROR(parse_checksums(a_digest + " ok\n" + a_digest + "  " + name + "\n", "S"), "S:2: ");
  }
  EXPECT_ERROR(check_inside("", "W"), "W: '' is refused");
  for (const char* name : {"a", "..a", "a..", "...", ".a", "a/b.c/d e", "-a", "ä", "a%2e"}) {
    EXPECT_NO_THROW(check_inside(name, "W")) << name;
  }
}

}  // namespace
}  // namespace ekgine
