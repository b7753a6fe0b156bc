#include "base/record_name.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

TEST(RecordName, MayNameAFolderBelow) {
  for (const char* name : {"100", "p100/a", "patients/p1/s-2_x.1", "...", "x..y", ".h", "Müller"}) {
    EXPECT_NO_THROW(check_record_name(name, "RECORDS:1")) << name;
  }
}

TEST(RecordName, StaysInsideItsFolder) {
  for (const char* name : {"", ".", "..", "../evil", "a/../b", "a/./b", "/etc/passwd", "a//b", "a/",
                           "/", "./a", "a/.."}) {
    EXPECT_ERROR(check_record_name(name, "RECORDS:3"),
                 std::string("RECORDS:3: '") + name +
                     "' is no name of a record, expected one inside the database");
  }
}

TEST(RecordName, IsPrintable) {
  for (const std::string& name :
       {std::string("a\x1b[2J"), std::string("a\nb"), std::string("a\tb"), std::string("a\0b", 3),
        std::string("caf\xe9"), std::string("a\\b"), std::string("\xc2\x9b"),
        std::string("\x7f")}) {
    EXPECT_ERROR(check_record_name(name, "--records"),
                 "is no name of a record, expected printable UTF-8 without '\\'");
  }
}

TEST(RecordName, GivesEveryRecordAFileOfItsOwn) {
  EXPECT_EQ(record_file_name("100"), "100");
  EXPECT_EQ(record_file_name("p100/a"), "p100%2Fa");
  EXPECT_EQ(record_file_name("p%2Fa"), "p%252Fa");
  std::set<std::string> files;
  const std::string parts[] = {"", "/", "%", "2", "F", "25", "%2F", "%25"};
  std::set<std::string> names;
  for (const std::string& a : parts) {
    for (const std::string& b : parts) {
      for (const std::string& c : parts) names.insert(a + b + c);
    }
  }
  for (const std::string& name : names) {
    const std::string file = record_file_name(name);
    EXPECT_EQ(file.find('/'), std::string::npos) << name;
    EXPECT_TRUE(files.insert(file).second) << name;
    EXPECT_EQ(record_of_file_name(file), name);
  }
}

}  // namespace
}  // namespace ekgine
