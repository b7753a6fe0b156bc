#include "data/store_parts.h"

#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/flips.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wfdb_writer.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryDirectory;
using testing::write_bytes;

TEST(StoreParts, AreDoneForTheirInputsAlone) {
  const TemporaryDirectory folder;
  const StoreParts parts(folder / "store");
  const fs::path place = parts.parts().folder();
  EXPECT_EQ(place, folder / "store.parts");
  fs::create_directories(parts.store_of("p1/a"));
  EXPECT_EQ(parts.store_of("p1/a"), folder / "store.parts/p1%2Fa%record");
  EXPECT_TRUE(parts.done("p1/a", "x").is_null());
  parts.set_done("p1/a", "x", {1, 2, 3, 4});
  const Json done = parts.done("p1/a", "x");
  ASSERT_FALSE(done.is_null());
  const LeftOut left_out = parts.left_out("p1/a", done);
  EXPECT_EQ(left_out.unmeasured, 1);
  EXPECT_EQ(left_out.repeated, 2);
  EXPECT_EQ(left_out.missed, 3);
  EXPECT_EQ(left_out.extra, 4);
  Json lacking = done;
  lacking.erase("extra_beats");
  EXPECT_ERROR(parts.left_out("p1/a", lacking), "'extra_beats' is missing");
  EXPECT_TRUE(parts.done("p1/a", "y").is_null());
  EXPECT_TRUE(parts.done("a", "x").is_null());
  testing::expect_flips_refused(place / "p1%2Fa%part.json", 200, [&] { parts.done("p1/a", "x"); });
  fs::remove(parts.store_of("p1/a"));
  EXPECT_TRUE(parts.done("p1/a", "x").is_null()) << "its store is gone";
  parts.remove({"p1/a", "none"});
  EXPECT_TRUE(fs::is_empty(place));
}

class Inputs : public ::testing::Test {
 protected:
  Inputs() { write_wfdb_record(folder_.path(), testing::random_record("a", 12, "N", 1)); }
  std::string inputs(const std::string& options = "", const std::string& record = "a") const {
    return record_inputs(folder_.path(), record, "atr", options);
  }
  void header(const std::string& name, const std::string& text) const {
    write_bytes(folder_ / (name + ".hea"), text);
  }
  TemporaryDirectory folder_;
};

TEST_F(Inputs, AreOfAllFilesAndOptions) {
  const std::string before = inputs();
  EXPECT_EQ(inputs(), before);
  EXPECT_NE(inputs("x"), before);
  for (const char* file : {"a.hea", "a.dat", "a.atr"}) {
    const std::string whole = read_file(folder_ / file);
    write_bytes(folder_ / file, whole + "\n");
    EXPECT_NE(inputs(), before) << file;
    write_bytes(folder_ / file, whole);
  }
  EXPECT_EQ(inputs(), before);
}

TEST_F(Inputs, AreOfAllSegments) {
  write_wfdb_record(folder_.path(), testing::random_record("s1", 10, "N", 2));
  header("s", "s/3 2 360 9300\ns1 3000\n~ 3300\ns1 3000\n");
  write_bytes(folder_ / "s.atr", "x");
  const std::string before = inputs("", "s");
  write_bytes(folder_ / "s1.dat", read_file(folder_ / "s1.dat") + "\n");
  EXPECT_NE(inputs("", "s"), before);
}

TEST_F(Inputs, StayInTheFolder) {
  header("b", "b 1 360 100\n../a.dat 212 200\n");
  write_bytes(folder_ / "b.atr", "x");
  EXPECT_ERROR(inputs("", "b"), "b.hea:2: ");
  header("b", "b 1 360 100\nnone.dat 212 200\n");
  EXPECT_ERROR(inputs("", "b"), "none.dat: cannot open: No such file");
  fs::remove(folder_ / "a.atr");
  EXPECT_ERROR(inputs(), "a.atr: cannot open: No such file");
}

}  // namespace
}  // namespace ekgine
