#include "evaluation/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include <cstring>
#include <map>

#include "base/atomic_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using testing::TemporaryDirectory;

struct ReadArray {
  std::string header, data;

  template <class T>
  std::vector<T> values() const {
    std::vector<T> values(data.size() / sizeof(T));
    std::memcpy(values.data(), data.data(), values.size() * sizeof(T));
    return values;
  }
};

// By the text of NumPy's format 1.0: "\x93NUMPY", version, length of the header, header, data.
std::map<std::string, ReadArray> read_npz(const std::filesystem::path& path) {
  std::map<std::string, ReadArray> arrays;
  zip_t* archive = zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, nullptr);
  if (archive == nullptr) return arrays;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
    zip_stat_t info;
    zip_stat_index(archive, static_cast<zip_uint64_t>(i), 0, &info);
    EXPECT_EQ(info.comp_method, ZIP_CM_DEFLATE) << info.name;
    std::string file(info.size, ' ');
    zip_file_t* member = zip_fopen_index(archive, static_cast<zip_uint64_t>(i), 0);
    EXPECT_EQ(zip_fread(member, file.data(), file.size()), std::ssize(file));
    EXPECT_EQ(zip_fclose(member), 0);
    EXPECT_EQ(file.substr(0, 8), std::string("\x93NUMPY\x01\0", 8)) << info.name;
    const std::size_t length =
        static_cast<unsigned char>(file[8]) + 256u * static_cast<unsigned char>(file[9]);
    EXPECT_EQ((10 + length) % 64, 0u) << info.name;
    EXPECT_EQ(file[10 + length - 1], '\n') << info.name;
    std::string header = file.substr(10, length - 1);
    header.resize(header.find_last_not_of(' ') + 1);
    arrays[info.name] = {header, file.substr(10 + length)};
  }
  zip_discard(archive);
  return arrays;
}

std::vector<RecordPredictions> records_of_three_classes() {
  return {{"207", {0.25F, 0.5F, 0.25F}, {1}, {}},
          {"101",
           {0.25F, 0.375F, 0.375F, 1, 0, 0, 0.125F, 0.25F, 0.625F, 0.5F, 0, 0.5F},
           {0, 0, 2, 1},
           {370, 650, 940, 1200}}};
}

TEST(Npz, HoldsAllSequencesOneRecordAfterAnother) {
  const TemporaryDirectory folder;
  const auto records = records_of_three_classes();
  write_npz(folder / "a.npz", records, 3);
  const auto arrays = read_npz(folder / "a.npz");
  ASSERT_EQ(arrays.size(), 3u);
  const ReadArray& labels = arrays.at("y_true.npy");
  EXPECT_EQ(labels.header, "{'descr': '<i4', 'fortran_order': False, 'shape': (5,), }");
  EXPECT_THAT(labels.values<std::int32_t>(), ElementsAre(1, 0, 0, 2, 1));
  const ReadArray& probabilities = arrays.at("y_pred_probs.npy");
  EXPECT_EQ(probabilities.header, "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 3), }");
  std::vector<float> expected = records[0].probabilities;
  expected.insert(expected.end(), records[1].probabilities.begin(), records[1].probabilities.end());
  EXPECT_EQ(probabilities.values<float>(), expected);
  const ReadArray& classes = arrays.at("y_pred_classes.npy");
  EXPECT_EQ(classes.header, "{'descr': '<i8', 'fortran_order': False, 'shape': (5,), }");
  // Of equals the first, as numpy.argmax.
  EXPECT_THAT(classes.values<std::int64_t>(), ElementsAre(1, 1, 0, 2, 0));
}

// The header's length moves with the digits of the shape.
TEST(Npz, HoldsManySequences) {
  const TemporaryDirectory folder;
  for (const std::size_t n : {9u, 10u, 999u, 100'000u}) {
    std::vector<RecordPredictions> records(1);
    records[0].record = "100";
    for (std::size_t i = 0; i < n; ++i) {
      records[0].labels.push_back(i % 3 == 0);
      records[0].probabilities.push_back(static_cast<float>(i % 2));
      records[0].probabilities.push_back(static_cast<float>(1 - i % 2));
    }
    write_npz(folder / "a.npz", records, 2);
    const auto arrays = read_npz(folder / "a.npz");
    EXPECT_EQ(arrays.at("y_true.npy").values<std::int32_t>(), records[0].labels);
    EXPECT_TRUE(arrays.at("y_pred_probs.npy").values<float>() == records[0].probabilities);
    EXPECT_EQ(arrays.at("y_pred_classes.npy").data.size(), 8 * n);
  }
}

TEST(Npz, IsWholeOrNot) {
  const TemporaryDirectory folder;
  const std::string path = folder / "a.npz";
  auto records = records_of_three_classes();
  write_npz(path, records, 3);
  const std::string whole = read_file(path);
  {
    const testing::FileSizeLimit full(100);
    EXPECT_ERROR(write_npz(path, records, 3), path + ": cannot write: File too large");
  }
  records[1].labels[2] = 3;
  EXPECT_ERROR(write_npz(path, records, 3), "record 101: ");
  EXPECT_ERROR(write_npz(path, {}, 3), "no records to evaluate");
  EXPECT_TRUE(read_file(path) == whole);
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

}  // namespace
}  // namespace ekgine
