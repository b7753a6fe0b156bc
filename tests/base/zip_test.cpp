#include "base/zip.h"

#include <gtest/gtest.h>
#include <zip.h>

#include <cstdint>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

TEST(Zip, HoldsItsMembers) {
  const testing::TemporaryDirectory folder;
  const std::vector<ZipMember> members = {
      {"b.txt", std::string(100'000, 'x')}, {"a/empty", ""}, {"a.bin", std::string("\0\xFF\n", 3)}};
  for (const ZipMethod method : {ZipMethod::store, ZipMethod::deflate}) {
    const std::string bytes = zip_of(members, method, "file");
    EXPECT_TRUE(zip_of(members, method, "file") == bytes) << "the same bytes again";
    EXPECT_EQ(bytes.size() > 100'000, method == ZipMethod::store);
    testing::write_bytes(folder / "a.zip", bytes);
    zip_t* archive = zip_open((folder / "a.zip").c_str(), ZIP_RDONLY | ZIP_CHECKCONS, nullptr);
    ASSERT_NE(archive, nullptr);
    EXPECT_EQ(zip_get_num_entries(archive, 0), std::ssize(members));
    for (std::size_t i = 0; i < members.size(); ++i) {
      zip_stat_t info;
      ASSERT_EQ(zip_stat_index(archive, i, 0, &info), 0);
      EXPECT_EQ(info.name, members[i].name);
      std::string content(info.size, ' ');
      zip_file_t* file = zip_fopen_index(archive, i, 0);  // and compares the CRC at the end
      EXPECT_EQ(zip_fread(file, content.data(), content.size()), std::ssize(content));
      EXPECT_EQ(zip_fclose(file), 0);
      EXPECT_TRUE(content == members[i].content) << info.name;
    }
    zip_discard(archive);
  }
}

class ZipReaderTest : public ::testing::Test {
 protected:
  // What reading `member` of a zip of these bytes gives.
  std::string read(const std::string& bytes, const std::string& member,
                   std::size_t largest = 1'000'000) const {
    testing::write_bytes(path_, bytes);
    return ZipReader(path_, "a .keras file").read(member, largest);
  }
  // Writes `value` as `bytes` bytes over the field at `offset` of the entry of the directory.
  static void set_field(std::string& zip, std::size_t offset, std::uint64_t value, int bytes) {
    const std::size_t entry = zip.find("PK\x01\x02");
    for (int i = 0; i < bytes; ++i) {
      zip[entry + offset + static_cast<std::size_t>(i)] = static_cast<char>(value >> 8 * i);
    }
  }

  const testing::TemporaryDirectory folder_;
  const std::filesystem::path path_ = folder_ / "a.keras";
  const std::vector<ZipMember> members_ = {{"a", std::string(100'000, 'x')}, {"b", "yes"}};
};

TEST_F(ZipReaderTest, GivesMembers) {
  for (const ZipMethod method : {ZipMethod::store, ZipMethod::deflate}) {
    const std::string bytes = zip_of(members_, method, "a");
    EXPECT_EQ(read(bytes, "b"), "yes");
    EXPECT_TRUE(read(bytes, "a") == members_[0].content);
    EXPECT_ERROR(read(bytes, "c"), "a.keras: not a .keras file: the zip has no c");
    EXPECT_ERROR(read(bytes, "a", 99'999), "a.keras: a has 100000 bytes, expected at most 99999");
    EXPECT_ERROR(read(bytes.substr(0, bytes.size() - 1), "b"),
                 "a.keras: not a .keras file (a zip), or truncated");
  }
  EXPECT_ERROR(read("", "b"), "a.keras: not a .keras file (a zip), or truncated");
}

TEST_F(ZipReaderTest, TakesNoClaimForData) {
  const std::vector<ZipMember> bomb = {{"a", std::string(std::size_t{64} << 20, '\0')}};
  EXPECT_ERROR(read(zip_of(bomb, ZipMethod::deflate, "a"), "a", std::size_t{1} << 30),
               "a.keras: a claims 67108864 bytes, more than a zip of ");
  std::string claim = zip_of(members_, ZipMethod::deflate, "a");
  set_field(claim, 24, 0x3FFFFFFF, 4);
  EXPECT_ERROR(read(claim, "b"), "a.keras: ");
  // Both entries of the directory are the first member, which is most of the file.
  std::string overlap = zip_of(std::vector<ZipMember>{{"a", std::string(1000, 'x')}, {"b", "y"}},
                               ZipMethod::store, "a");
  const std::size_t first = overlap.find("PK\x01\x02"), second = overlap.rfind("PK\x01\x02");
  overlap.replace(second + 10, 36, overlap.substr(first + 10, 36));
  EXPECT_ERROR(read(overlap, "a"), "a.keras: ");
}

TEST_F(ZipReaderTest, SaysWhatItCannotRead) {
  std::string bytes = zip_of(members_, ZipMethod::store, "a");
  bytes[40] = 'y';
  EXPECT_ERROR(read(bytes, "a"), "a.keras: a: cannot read: ");
  // In the member's own header, too: the two must agree.
  const auto both = [&](ZipMethod method, std::size_t offset, std::uint64_t value) {
    std::string changed = zip_of(members_, method, "a");
    changed[offset - 2] = static_cast<char>(value);
    set_field(changed, offset, value, 2);
    return changed;
  };
  EXPECT_ERROR(read(both(ZipMethod::store, 10, 12), "a"),
               "a.keras: a is compressed by method 12, which is not supported");
  // Deflated: a stored member that is encrypted has a size of its own, which libzip 1.11 looks at.
  EXPECT_ERROR(read(both(ZipMethod::deflate, 8, 1), "a"), "a.keras: a is encrypted");
}

}  // namespace
}  // namespace ekgine
