#include "base/record_parts.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/flips.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryDirectory;
using testing::write_bytes;

class SomeParts : public ::testing::Test {
 protected:
  SomeParts() { fs::create_directory(parts_.folder()); }
  bool done(const std::string& inputs = "x") const {
    return !parts_.done("p1/a", inputs, result_).is_null();
  }
  void make() const {
    write_bytes(result_, "a result");
    parts_.set_done("p1/a", "x", result_, {{"more", 7}});
  }

  TemporaryDirectory folder_;
  const RecordParts parts_{folder_ / "out", "ekgine test part 1"};
  const fs::path result_ = parts_.place_of("p1/a", "result");
  const fs::path note_ = parts_.folder() / "p1%2Fa%part.json";
};

TEST_F(SomeParts, AreDoneForTheirInputsAndBytesAlone) {
  EXPECT_EQ(result_, folder_ / "out.parts/p1%2Fa%result");
  EXPECT_FALSE(done());
  make();
  EXPECT_TRUE(done());
  EXPECT_EQ(parts_.done("p1/a", "x", result_).at("more"), 7);
  EXPECT_FALSE(done("y"));
  EXPECT_TRUE(parts_.done("a", "x", result_).is_null());
  testing::expect_flips_refused(note_, 200, [&] { done(); });
  testing::with_flips(result_, 64, 0,
                      [&](const std::string& where) { EXPECT_FALSE(done()) << where; });
  EXPECT_TRUE(done());
  fs::resize_file(result_, 3);
  EXPECT_FALSE(done());
  make();
  fs::remove(result_);
  EXPECT_FALSE(done());
  make();
  parts_.begin("p1/a");
  EXPECT_FALSE(done());
  EXPECT_TRUE(fs::exists(result_));
  make();
  EXPECT_ERROR(RecordParts(folder_ / "out", "ekgine other part 1").done("p1/a", "x", result_),
               "p1%2Fa%part.json: is no ekgine other part 1");
}

TEST_F(SomeParts, LieBesideWhatALinkPointsAt) {
  fs::create_directory(folder_ / "far");
  fs::create_directory_symlink(folder_ / "far/out", folder_ / "link");
  EXPECT_EQ(RecordParts(folder_ / "link", "").folder(), folder_ / "far/out.parts");
}

// Who holds a record notes what it did, and others come after.
TEST_F(SomeParts, AreHeldByOne) {
  {
    const AtomicFile held = parts_.hold("p1/a");
    EXPECT_TRUE(fs::exists(note_.string() + ".partial"));
    make();
    EXPECT_TRUE(done());
  }
  EXPECT_TRUE(done());
  { const AtomicFile held = parts_.hold("p1/a"); }
  EXPECT_TRUE(done());
  EXPECT_FALSE(fs::exists(note_.string() + ".partial"));
}

TEST_F(SomeParts, AreListedWhereTheyAreMissing) {
  const auto done_of = [](const std::string& record) {
    return record.size() == 1 ? Json(record) : Json();
  };
  EXPECT_EQ(parts_.all_done({"a", "b"}, done_of), (std::vector<Json>{"a", "b"}));
  EXPECT_ERROR(parts_.all_done({"a", "cc", "b", "dd"}, done_of),
               "out.parts: 2 of 4 records are not done, or of other files or options: cc, dd");
}

TEST_F(SomeParts, ArePutTogetherByOne) {
  auto lock = parts_.lock();
  write_bytes(parts_.folder() / "more", "");
  parts_.remove_folder(std::move(lock));
  EXPECT_TRUE(fs::exists(parts_.folder())) << "there are other parts";
  lock = parts_.lock();
  fs::remove(parts_.folder() / "more");
  parts_.remove_folder(std::move(lock));
  EXPECT_FALSE(fs::exists(parts_.folder()));
  EXPECT_ERROR(parts_.lock(), "out.parts: does not exist: no part was made of it");
}

}  // namespace
}  // namespace ekgine
