#include "base/zip.h"

#include <gtest/gtest.h>
#include <zip.h>

#include <vector>

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

}  // namespace
}  // namespace ekgine
