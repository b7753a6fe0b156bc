#include "base/hdf5.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <numeric>
#include <thread>

#include "base/atomic_file.h"
#include "base/seal.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using testing::FileSizeLimit;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::write_bytes;
using Shape = std::vector<std::int64_t>;

template <class T>
class Hdf5Element : public ::testing::Test {};
using Elements =
    ::testing::Types<float, double, std::int8_t, std::uint8_t, std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(Hdf5Element, Elements);

TYPED_TEST(Hdf5Element, SurvivesAFile) {
  const TemporaryDirectory folder;
  const std::vector<TypeParam> values = {std::numeric_limits<TypeParam>::lowest(),
                                         TypeParam(0),
                                         TypeParam(1),
                                         TypeParam(7),
                                         TypeParam(100),
                                         std::numeric_limits<TypeParam>::max()};
  for (const bool compress : {false, true}) {
    {
      hdf5::File file = hdf5::File::create(folder / "a.h5");
      file.write<TypeParam>("a/b/values", values, Shape{2, 3}, compress);
      file.close();
    }
    const hdf5::File file = hdf5::File::open(folder / "a.h5");
    EXPECT_EQ(file.read<TypeParam>("a/b/values"), values);
    EXPECT_EQ(file.read<TypeParam>("/a/b//values", Shape{2, -1}), values);
    EXPECT_EQ(file.shape("a/b/values"), (Shape{2, 3}));
  }
}

TEST(Hdf5, ReadsSomeRows) {
  const TemporaryDirectory folder;
  std::vector<float> values(7 * 3 * 2);
  std::iota(values.begin(), values.end(), 0.F);
  hdf5::File file = hdf5::File::create(folder / "a.h5");
  file.write<float>("plain", values, Shape{7, 3, 2});
  file.write<float>("packed", values, Shape{7, 3, 2}, true);
  file.write<float>("scalar", std::span(values).first(1), {});
  for (const char* name : {"plain", "packed"}) {
    for (std::int64_t first = 0; first <= 7; ++first) {
      for (std::int64_t count = 0; first + count <= 7; ++count) {
        const std::vector<float> expected(values.begin() + first * 6,
                                          values.begin() + (first + count) * 6);
        EXPECT_EQ(file.read<float>(name, Shape{7, 3, 2}, hdf5::Rows{first, count}), expected)
            << name << ", " << count << " from " << first;
      }
    }
    const hdf5::Rows wrong[] = {{-1, 1}, {0, 8}, {7, 1}, {8, 0}, {3, -1}};
    for (const hdf5::Rows rows : wrong) {
      EXPECT_ERROR(file.read<float>(name, {}, rows),
                   fmt::format("a.h5:{}: {} rows from {} on are not among its 7", name, rows.count,
                               rows.first));
    }
  }
  EXPECT_ERROR(file.read<float>("scalar", {}, hdf5::Rows{0, 0}), "are not among its 0");
}

TEST(Hdf5, ConvertsBetweenFileAndMemory) {
  const TemporaryDirectory folder;
  hdf5::File file = hdf5::File::create(folder / "a.h5");
  file.write<double>("d", std::array{0.1, -2.5}, Shape{2});
  file.write<std::int8_t>("i", std::array<std::int8_t, 2>{-128, 127}, Shape{2});
  EXPECT_THAT(file.read<float>("d"), ElementsAre(0.1f, -2.5f));
  EXPECT_THAT(file.read<double>("i"), ElementsAre(-128, 127));
  EXPECT_THAT(file.read<std::int32_t>("i"), ElementsAre(-128, 127));
  EXPECT_ERROR(file.read<std::int32_t>("d"),
               "a.h5:d: holds floating-point numbers, expected integers");
}

TEST(Hdf5, HoldsEmptyAndScalarDatasets) {
  const TemporaryDirectory folder;
  for (const bool compress : {false, true}) {
    hdf5::File file = hdf5::File::create(folder / "a.h5");
    file.write<float>("none", {}, Shape{0, 187}, compress);
    file.write<std::int64_t>("one", std::array<std::int64_t, 1>{42}, Shape{}, compress);
    file.close();
    file = hdf5::File::open(folder / "a.h5");
    EXPECT_EQ(file.shape("none"), (Shape{0, 187}));
    EXPECT_TRUE(file.read<float>("none", Shape{-1, 187}).empty());
    EXPECT_EQ(file.shape("one"), Shape{});
    EXPECT_THAT(file.read<std::int64_t>("one"), ElementsAre(42));
  }
}

TEST(Hdf5, CompressesInChunks) {
  const TemporaryDirectory folder;
  std::vector<float> values(3000 * 187);
  std::iota(values.begin(), values.end(), 0.0f);
  {
    hdf5::File file = hdf5::File::create(folder / "a.h5");
    file.write<float>("values", values, Shape{3000, 187}, true);
    file.close();
  }
  EXPECT_LT(std::filesystem::file_size(folder / "a.h5"), values.size() * sizeof(float) / 2);
  EXPECT_EQ(hdf5::File::open(folder / "a.h5").read<float>("values"), values);
}

TEST(Hdf5, ListsGroups) {
  const TemporaryDirectory folder;
  hdf5::File file = hdf5::File::create(folder / "a.h5");
  file.write<float>("layers/z/0", std::array{1.0f}, Shape{1});
  file.write<float>("layers/b/0", std::array{1.0f}, Shape{1});
  file.write<float>("layers/b/1", std::array{1.0f}, Shape{1});
  EXPECT_THAT(file.members("/"), ElementsAre("layers"));
  EXPECT_THAT(file.members("layers"), ElementsAre("b", "z"));
  EXPECT_THAT(file.members("/layers/b/"), ElementsAre("0", "1"));
  EXPECT_TRUE(file.exists("/"));
  EXPECT_TRUE(file.exists("layers/b/1"));
  EXPECT_FALSE(file.exists("layers/b/2"));
  EXPECT_FALSE(file.exists("no/such/thing"));
  EXPECT_FALSE(file.exists("layers/b/1/below a dataset"));
  EXPECT_TRUE(file.is_group("/"));
  EXPECT_TRUE(file.is_group("layers/b"));
  EXPECT_FALSE(file.is_group("layers/b/1"));
  EXPECT_FALSE(file.is_group("absent"));
  EXPECT_ERROR(file.members("absent"), "a.h5:absent: the group is missing");
  EXPECT_ERROR(file.members("layers/b/0"), "a.h5:layers/b/0: expected a group, found a dataset");
  EXPECT_ERROR(file.read<float>("layers/b"), "a.h5:layers/b: expected a dataset, found a group");
}

TEST(Hdf5, KeepsAttributes) {
  const TemporaryDirectory folder;
  {
    hdf5::File file = hdf5::File::create(folder / "a.h5");
    file.write<float>("beats", std::array{1.0f}, Shape{1});
    file.write_integer("/", "version", std::int64_t{1} << 40);
    file.write_number("beats", "rate", 0.1);
    file.write_text("beats", "unit", "mV");
    file.write_text("beats", "unit", "µV");  // replaces
    file.write_text("/", "empty", "");
    file.close();
  }
  const hdf5::File file = hdf5::File::open(folder / "a.h5");
  EXPECT_EQ(file.read_integer("/", "version"), std::int64_t{1} << 40);
  EXPECT_EQ(file.read_number("beats", "rate"), 0.1);
  EXPECT_EQ(file.read_number("/", "version"), std::ldexp(1.0, 40));
  EXPECT_EQ(file.read_text("beats", "unit"), "µV");
  EXPECT_EQ(file.read_text("/", "empty"), "");
  EXPECT_TRUE(file.has_attribute("beats", "unit"));
  EXPECT_FALSE(file.has_attribute("beats", "version"));
  EXPECT_FALSE(file.has_attribute("absent", "version"));
  EXPECT_ERROR(file.read_integer("beats", "version"),
               "a.h5:beats: the attribute 'version' is missing");
  EXPECT_ERROR(file.read_integer("absent", "version"), "a.h5:absent: the object is missing");
  EXPECT_ERROR(file.read_integer("beats", "unit"),
               "a.h5:beats: the attribute 'unit' is not one integer");
  EXPECT_ERROR(file.read_integer("beats", "rate"),
               "a.h5:beats: the attribute 'rate' is not one integer");
  EXPECT_ERROR(file.read_number("beats", "unit"),
               "a.h5:beats: the attribute 'unit' is not one number");
  EXPECT_ERROR(file.read_text("beats", "rate"), "a.h5:beats: the attribute 'rate' is not one text");
}

TEST(Hdf5, NamesWhatIsWrong) {
  const TemporaryDirectory folder;
  hdf5::File file = hdf5::File::create(folder / "a.h5");
  const std::vector<float> values(6);
  file.write<float>("values", values, Shape{2, 3});
  EXPECT_ERROR(file.read<float>("absent"), "a.h5:absent: the dataset is missing");
  EXPECT_ERROR(file.read<float>("/"), "a.h5:/: the dataset is missing");
  EXPECT_ERROR(file.read<float>("values", Shape{-1, 4}),
               "a.h5:values: the shape is (2, 3), expected (any, 4)");
  EXPECT_ERROR(file.read<float>("values", Shape{6}),
               "a.h5:values: the shape is (2, 3), expected (6)");
  EXPECT_ERROR(file.write<float>("values", values, Shape{6}),
               "a.h5:values: cannot create the dataset");
  EXPECT_ERROR(file.write<float>("other", values, Shape{7}),
               "a.h5:other: 6 values do not fill the shape (7)");
  EXPECT_ERROR(hdf5::File::open(folder / "none.h5"), "none.h5: does not exist");
  EXPECT_ERROR(hdf5::File::open(folder.path()), ": is not a file");
  write_bytes(folder / "text.h5", "not what it says it is");
  EXPECT_ERROR(hdf5::File::open(folder / "text.h5"), "text.h5: is not an HDF5 file");
  write_bytes(folder / "empty.h5", "");
  EXPECT_ERROR(hdf5::File::open(folder / "empty.h5"), "empty.h5: is not an HDF5 file");
  EXPECT_ERROR(hdf5::File::create(folder / "no/such/folder.h5"),
               AllOf(HasSubstr("folder.h5: cannot create"), EndsWith("No such file or directory")));
}

// Every shorter file is refused at opening: nothing truncated is ever read as if it were whole.
TEST(Hdf5, RefusesTruncatedFiles) {
  const TemporaryDirectory folder;
  {
    hdf5::File file = hdf5::File::create(folder / "a.h5");
    file.write<float>("values", std::vector<float>(100, 1.5f), Shape{100});
    file.write_text("/", "unit", "mV");
    file.close();
  }
  const std::string whole = read_file(folder / "a.h5");
  for (std::size_t size = 0; size < whole.size(); size += size < 128 ? 1 : 61) {
    write_bytes(folder / "short.h5", std::string_view(whole).substr(0, size));
    EXPECT_ERROR(hdf5::File::open(folder / "short.h5"), "short.h5: ") << size << " bytes";
  }
}

TEST(Hdf5, SealsWhatItCreates) {
  const TemporaryDirectory folder;
  const std::vector<std::int32_t> values(1000, 7);
  hdf5::File file = hdf5::File::create(folder / "a.h5");
  file.write<std::int32_t>("values", values, Shape{1000}, true);
  EXPECT_EQ(file.seal(), "");
  file.close();
  const std::string whole = read_file(folder / "a.h5");
  EXPECT_EQ(whole.substr(0, 512),
            "ekgine sha256 " + file.seal() + "\n" + std::string(512 - 14 - 64 - 1, '\0'));
  EXPECT_EQ(whole.substr(513, 3), "HDF");
  EXPECT_TRUE(seal_holds(whole, 14));
  EXPECT_EQ(hdf5::File::open(folder / "a.h5").seal(), file.seal());
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += bit < 90 * 8 ? 1 : 97) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    write_bytes(folder / "b.h5", flipped);
    EXPECT_ERROR(hdf5::File::open(folder / "b.h5"),
                 bit < 14 * 8 ? "b.h5: is not an HDF5 file, or damaged"
                              : "b.h5: is damaged: its checksum is not that of its bytes")
        << "bit " << bit;
  }
  {
    hdf5::File unfinished = hdf5::File::create(folder / "c.h5");
    unfinished.write<std::int32_t>("values", values, Shape{1000});
  }
  EXPECT_ERROR(hdf5::File::open(folder / "c.h5"), "c.h5: is not an HDF5 file, or damaged");
}

TEST(Hdf5, ReportsAFullDisk) {
  const TemporaryDirectory folder;
  const std::vector<float> values(100000, 1.0f);
  {
    hdf5::File file = hdf5::File::create(folder / "a.h5");
    const FileSizeLimit full(20000);
    EXPECT_ERROR(file.write<float>("values", values, Shape{100000});
                 file.close(), AllOf(HasSubstr("a.h5"), EndsWith(": File too large")));
  }
  // Small data is only written at close(), and the failure must show there.
  hdf5::File file = hdf5::File::create(folder / "b.h5");
  file.write<float>("values", std::vector<float>(10), Shape{10});
  {
    const FileSizeLimit full(100);
    EXPECT_ERROR(file.close(), AllOf(HasSubstr("b.h5: cannot write"), EndsWith("File too large")));
  }
  // The library still works afterwards.
  hdf5::File after = hdf5::File::create(folder / "c.h5");
  after.write<float>("values", values, Shape{100000});
  after.close();
  EXPECT_EQ(hdf5::File::open(folder / "c.h5").read<float>("values"), values);
}

TEST(Hdf5, GivesTheSameBytesForTheSameData) {
  const TemporaryDirectory folder;
  for (const char* name : {"a.h5", "b.h5"}) {
    hdf5::File file = hdf5::File::create(folder / name);
    file.write<float>("group/values", std::vector<float>(10, 2.0f), Shape{10}, true);
    file.write_text("group", "unit", "mV");
    file.close();
    std::this_thread::sleep_for(std::chrono::milliseconds(name[0] == 'a' ? 1100 : 0));
  }
  EXPECT_TRUE(read_file(folder / "a.h5") == read_file(folder / "b.h5"));
}

TEST(Hdf5, AnImageIsAFile) {
  const TemporaryDirectory folder;
  const auto fill = [](hdf5::File& file) {
    file.create_group("empty/inside");
    file.write<float>("group/values", std::vector<float>(1000, 2.0f), Shape{10, 100});
  };
  hdf5::File in_memory = hdf5::File::create_image("image"),
             on_disk = hdf5::File::create(folder / "a.h5");
  fill(in_memory);
  fill(on_disk);
  on_disk.close();
  const std::string image = in_memory.image();
  EXPECT_FALSE(std::filesystem::exists("image"));
  const hdf5::File file = hdf5::File::open_image(std::as_bytes(std::span(image)), "image");
  EXPECT_EQ(file.read<float>("group/values", Shape{10, 100}), std::vector<float>(1000, 2.0f));
  EXPECT_TRUE(file.is_group("empty/inside"));
  EXPECT_THAT(file.members("empty/inside"), ::testing::IsEmpty());
  EXPECT_EQ(hdf5::File::open(folder / "a.h5").read<float>("group/values", Shape{10, 100}),
            std::vector<float>(1000, 2.0f));
  EXPECT_ERROR(in_memory.create_group("empty"), "image:empty: cannot create the group: ");
  EXPECT_ERROR(in_memory.create_group("group/values"),
               "image:group/values: cannot create the group: ");
}

TEST(Hdf5, WorksFromSeveralThreads) {
  const TemporaryDirectory folder;
  std::array<std::string, 4> outcome;
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < outcome.size(); ++t) {
      threads.emplace_back([&, t] {
        try {
          for (int round = 0; round < 20; ++round) {
            const std::filesystem::path path = folder / (std::to_string(t) + ".h5");
            const std::vector<std::int32_t> values(1000, static_cast<std::int32_t>(t));
            hdf5::File file = hdf5::File::create(path);
            file.write<std::int32_t>("values", values, Shape{1000});
            file.close();
            if (hdf5::File::open(path).read<std::int32_t>("values") != values) {
              throw std::runtime_error("other values");
            }
            outcome[t] = hdf5::File::open(path).exists("absent") ? "exists" : "right";
          }
        } catch (const std::exception& error) {
          outcome[t] = error.what();
        }
      });
    }
  }
  EXPECT_THAT(outcome, ::testing::Each("right"));
}

}  // namespace
}  // namespace ekgine
