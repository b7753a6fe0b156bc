// Files of others: what is taken of them, and what is refused.
#include "base/hdf5_content.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <functional>
#include <random>

#include "base/atomic_file.h"
#include "base/hdf5.h"
#include "base/hdf5_library.h"
#include "base/seal.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace ekgine::hdf5 {
namespace {

using ekgine::testing::TemporaryDirectory;
using ekgine::testing::write_bytes;
using ::testing::ElementsAre;

// The bytes of a file that `fill` makes with the library itself.
std::string image_of(const std::function<void(hid_t)>& fill) {
  const Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access.get(), 1 << 10, false);
  const Id file(H5Fcreate("others.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose);
  fill(file.get());
  H5Fflush(file.get(), H5F_SCOPE_GLOBAL);
  std::string bytes(static_cast<std::size_t>(H5Fget_file_image(file.get(), nullptr, 0)), '\0');
  H5Fget_file_image(file.get(), bytes.data(), bytes.size());
  return bytes;
}

File open(const std::string& image) {
  return File::open_image(std::as_bytes(std::span(image)), "a.h5");
}

void refuses(const std::function<void(hid_t)>& fill, const std::string& expected) {
  EXPECT_ERROR(open(image_of(fill)), expected);
}

Id properties() {
  return Id(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
}

// A dataset of these extents; `values`, where given, are of `memory`.
void add(hid_t file, const char* name, hid_t type, std::vector<hsize_t> extents,
         hid_t creation = H5P_DEFAULT, hid_t memory = -1, const void* values = nullptr) {
  const Id space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
                 H5Sclose);
  const Id id(H5Dcreate2(file, name, type, space.get(), H5P_DEFAULT, creation, H5P_DEFAULT),
              H5Dclose);
  ASSERT_TRUE(id.valid()) << name;
  if (values != nullptr) {
    ASSERT_GE(H5Dwrite(id.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0) << name;
  }
}

void add_text_attribute(hid_t file, const char* object, const char* name, const char* text) {
  const Id type(H5Tcopy(H5T_C_S1), H5Tclose), space(H5Screate(H5S_SCALAR), H5Sclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  const Id id(H5Acreate_by_name(file, object, name, type.get(), space.get(), H5P_DEFAULT,
                                H5P_DEFAULT, H5P_DEFAULT),
              H5Aclose);
  ASSERT_GE(H5Awrite(id.get(), type.get(), &text), 0);
}

TEST(Hdf5Content, TakesNumbersOfAnySize) {
  const std::array<std::int64_t, 3> values = {0, 1, 100};
  const std::vector<std::pair<const char*, hid_t>> types = {
      {"i8", H5T_STD_I8LE},   {"u8", H5T_STD_U8BE},   {"i16", H5T_STD_I16BE},
      {"u16", H5T_STD_U16LE}, {"i32", H5T_STD_I32BE}, {"u32", H5T_STD_U32LE},
      {"i64", H5T_STD_I64BE}, {"u64", H5T_STD_U64LE}, {"f32", H5T_IEEE_F32BE},
      {"f64", H5T_IEEE_F64BE}};
  const File file = open(image_of([&](hid_t id) {
    for (const auto& [name, type] : types) {
      add(id, name, type, {3}, H5P_DEFAULT, H5T_NATIVE_INT64, values.data());
    }
  }));
  for (const auto& [name, type] : types) {
    EXPECT_THAT(file.read<double>(name), ElementsAre(0, 1, 100)) << name;
    if (name[0] == 'f') continue;
    EXPECT_THAT(file.read<std::int32_t>(name), ElementsAre(0, 1, 100)) << name;
  }
}

TEST(Hdf5Content, TakesGroupsAttributesAndCompressedData) {
  const std::vector<float> values(1000, 1.5F);
  const File file = open(image_of([&](hid_t id) {
    const Id group(H5Gcreate2(id, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
    const Id creation = properties();
    const hsize_t chunk = 300;
    H5Pset_chunk(creation.get(), 1, &chunk);
    H5Pset_shuffle(creation.get());
    H5Pset_deflate(creation.get(), 6);
    H5Pset_fletcher32(creation.get());
    add(id, "g/values", H5T_IEEE_F32LE, {1000}, creation.get(), H5T_NATIVE_FLOAT, values.data());
    add(id, "none", H5T_IEEE_F32LE, {0, 5});
    add_text_attribute(id, "g/values", "unit", "mV");
    const Id text(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(text.get(), 3);
    add(id, "texts", text.get(), {2}, H5P_DEFAULT, text.get(), "abcdef");
  }));
  EXPECT_EQ(file.read<float>("g/values"), values);
  EXPECT_EQ(file.read_text("g/values", "unit"), "mV");
  EXPECT_THAT(file.members("/"), ElementsAre("g", "none", "texts"));
  EXPECT_THAT(file.shape("none"), ElementsAre(0, 5));
  EXPECT_ERROR(file.read<float>("texts"), "a.h5:texts: does not hold numbers");
}

TEST(Hdf5Content, ReadsBfloat16AsKerasWritesIt) {
  const std::array<std::uint16_t, 3> halves = {0x3F80, 0xC020, 0x0000};
  const auto fill = [&](const char* dtype) {
    return image_of([&, dtype](hid_t id) {
      const Id type(H5Tcreate(H5T_OPAQUE, 2), H5Tclose);
      add(id, "values", type.get(), {3}, H5P_DEFAULT, type.get(), halves.data());
      add_text_attribute(id, "values", "dtype", dtype);
    });
  };
  EXPECT_THAT(open(fill("bfloat16")).read<float>("values"), ElementsAre(1, -2.5, 0));
  EXPECT_ERROR(open(fill("float8")).read<float>("values"), "a.h5:values: does not hold numbers");
}

TEST(Hdf5Content, FollowsNothing) {
  const TemporaryDirectory folder;
  write_bytes(folder / "secret", std::string(64, 's'));
  const std::string secret = folder / "secret", other = folder / "other.h5";
  {
    const Id file(H5Fcreate(other.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
    const std::array<float, 4> values = {1, 2, 3, 4};
    add(file.get(), "x", H5T_IEEE_F32LE, {4}, H5P_DEFAULT, H5T_NATIVE_FLOAT, values.data());
  }
  refuses(
      [&](hid_t id) {
        const Id creation = properties();
        H5Pset_external(creation.get(), secret.c_str(), 0, 16);
        add(id, "x", H5T_IEEE_F32LE, {4}, creation.get());
      },
      "a.h5:x: its data lies in other files, which are not followed");
  refuses(
      [&](hid_t id) {
        const Id creation = properties();
        const hsize_t four = 4;
        const Id space(H5Screate_simple(1, &four, nullptr), H5Sclose);
        H5Pset_virtual(creation.get(), space.get(), other.c_str(), "x", space.get());
        add(id, "x", H5T_IEEE_F32LE, {4}, creation.get());
      },
      "a.h5:x: is a virtual dataset, made of other ones, which are not followed");
  refuses(
      [&](hid_t id) { H5Lcreate_external(other.c_str(), "/x", id, "x", H5P_DEFAULT, H5P_DEFAULT); },
      "a.h5:x: is an external link, which is not followed");
  refuses([](hid_t id) { H5Lcreate_soft("/y", id, "x", H5P_DEFAULT, H5P_DEFAULT); },
          "a.h5:x: is a soft link, which is not followed");
}

// Nor in a file with a seal, which says nothing of who wrote it.
TEST(Hdf5Content, FollowsNothingUnderASeal) {
  const TemporaryDirectory folder;
  {
    File file = File::create(folder / "other.h5");
    file.write<float>("x", std::array{1.0F}, std::vector<std::int64_t>{1});
    file.close();
  }
  const std::string path = folder / "a.h5", other = folder / "other.h5";
  File::create(path).close();
  {
    const Id file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
    H5Lcreate_external(other.c_str(), "/x", file.get(), "x", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/", file.get(), "y", H5P_DEFAULT, H5P_DEFAULT);
    const Id creation = properties();
    H5Pset_external(creation.get(), other.c_str(), 0, 4);
    add(file.get(), "z", H5T_IEEE_F32LE, {1}, creation.get());
  }
  std::string bytes = read_file(path);
  set_seal(bytes, 14);
  write_bytes(path, bytes);
  const File file = File::open(path);
  EXPECT_EQ(file.seal().size(), 64U);
  EXPECT_FALSE(file.exists("x"));
  EXPECT_FALSE(file.exists("y"));
  EXPECT_ERROR(file.read<float>("z"), "a.h5:z: its data lies elsewhere, which is not followed");
}

TEST(Hdf5Content, GoesThroughEveryObjectOnce) {
  refuses(
      [](hid_t id) {
        const Id group(H5Gcreate2(id, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
        H5Lcreate_hard(id, "g", id, "g/again", H5P_DEFAULT, H5P_DEFAULT);
      },
      "a.h5:g/again: is linked more than once in the file, which is not supported");
  refuses(
      [](hid_t id) {
        add(id, "x", H5T_IEEE_F32LE, {0});
        H5Lcreate_hard(id, "x", id, "y", H5P_DEFAULT, H5P_DEFAULT);
      },
      "a.h5:y: is linked more than once in the file");
  refuses(
      [](hid_t id) {
        std::string name;
        for (int i = 0; i < 40; ++i) {
          name += "/g";
          H5Gclose(H5Gcreate2(id, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        }
      },
      "groups are nested deeper than 32 levels");
}

TEST(Hdf5Content, NamesTheCompression) {
  refuses(
      [](hid_t id) {
        const Id creation = properties();
        const hsize_t chunk = 10;
        H5Pset_chunk(creation.get(), 1, &chunk);
        H5Pset_filter(creation.get(), 32000, H5Z_FLAG_OPTIONAL, 0, nullptr);
        add(id, "x", H5T_IEEE_F32LE, {10}, creation.get());
      },
      "a.h5:x: is compressed by LZF (filter 32000), which is not supported");
}

TEST(Hdf5Content, TakesNoClaimForData) {
  refuses([](hid_t id) { add(id, "x", H5T_IEEE_F32LE, {1000}); },
          "a.h5:x: its shape needs 4000 bytes, 0 are stored");
  refuses(
      [](hid_t id) {
        const Id creation = properties();
        const hsize_t chunk = 100;
        H5Pset_chunk(creation.get(), 1, &chunk);
        add(id, "x", H5T_IEEE_F32LE, {1000}, creation.get());
      },
      "a.h5:x: its shape needs 10 chunks, 0 are stored");
  const hsize_t tera = hsize_t{1} << 40;
  refuses(
      [&](hid_t id) {
        add(id, "x", H5T_IEEE_F32LE, {tera, 1000});
      },
      "a.h5:x: with it the file claims more than ");
  refuses(
      [](hid_t id) {
        const std::vector<double> zeros(std::size_t{8} << 20);
        const Id creation = properties();
        const hsize_t chunk = std::size_t{1} << 20;
        H5Pset_chunk(creation.get(), 1, &chunk);
        H5Pset_deflate(creation.get(), 9);
        add(id, "x", H5T_IEEE_F64LE, {zeros.size()}, creation.get(), H5T_NATIVE_DOUBLE,
            zeros.data());
      },
      "a.h5:x: with it the file claims more than ");
}

// ---- Flipped bits. These files have no seal, so that of the values themselves none is noticed.

// A file with a dataset in one piece, one in compressed chunks, and an attribute.
std::string image_for_flips() {
  const std::vector<float> values(50, 1.5F);
  return image_of([&](hid_t id) {
    const Id group(H5Gcreate2(id, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
    add(id, "g/x", H5T_IEEE_F32LE, {50}, H5P_DEFAULT, H5T_NATIVE_FLOAT, values.data());
    const Id creation = properties();
    const hsize_t chunk = 20;
    H5Pset_chunk(creation.get(), 1, &chunk);
    H5Pset_deflate(creation.get(), 6);
    add(id, "y", H5T_IEEE_F32LE, {50}, creation.get(), H5T_NATIVE_FLOAT, values.data());
    add_text_attribute(id, "y", "unit", "mV");
  });
}

std::string with_flip(std::string bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  return bytes;
}

// What is wrong with it, or "" where it is opened.
std::string refusal_of(const std::string& image) {
  try {
    open(image);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

// Of the library's structures, those that say what they are: without it nothing is taken from them.
TEST(Hdf5Content, StructuresWithFlippedSignaturesAreRefused) {
  const std::string whole = image_for_flips();
  ASSERT_EQ(refusal_of(whole), "");
  for (const char* signature : {"\x89HDF", "TREE", "SNOD", "HEAP", "GCOL"}) {
    std::size_t at = whole.find(signature);
    EXPECT_LT(at, whole.size()) << signature;
    for (; at != std::string::npos; at = whole.find(signature, at + 1)) {
      for (std::size_t bit = 8 * at; bit < 8 * (at + 4); ++bit) {
        EXPECT_THAT(refusal_of(with_flip(whole, bit)), ::testing::StartsWith("a.h5")) << bit;
      }
    }
  }
}

// Flips that divide by zero or loop in the library of version 1.10.8.
TEST(Hdf5Content, FlipsThatCrashTheLibraryAreRefused) {
  const std::string whole = image_for_flips();
  const auto refused = [&](const std::string& before, std::size_t byte, int bit) {
    const std::size_t at = whole.find(before);
    ASSERT_LT(at, whole.size());
    EXPECT_THAT(refusal_of(with_flip(whole, 8 * (at + byte) + static_cast<std::size_t>(bit))),
                ::testing::StartsWith("a.h5"))
        << "byte " << byte << ", bit " << bit;
  };
  // How y's chunks are stored: version 3, class 2, two dimensions.
  const std::string layout = {3, 2, 2};
  refused(layout, 0, 0);
  refused(layout, 0, 1);
  refused(layout, 2, 1);
  // The attribute's text: in the global heap, whose first object is 2 bytes long.
  refused("GCOL", 24, 1);
}

TEST(Hdf5Content, FlippedValuesAreReadAsTheyAre) {
  const std::string whole = image_for_flips();
  const std::size_t values =
      whole.find(std::string("\0\0\xC0\x3F", 4) + std::string("\0\0\xC0\x3F", 4));
  ASSERT_LT(values, whole.size());
  const File file = open(with_flip(whole, 8 * (values + 4 * 7 + 3) + 7));  // the sign of value 7
  std::vector<float> expected(50, 1.5F);
  EXPECT_EQ(file.read<float>("y"), expected);
  expected[7] = -1.5F;
  EXPECT_EQ(file.read<float>("g/x"), expected);
}

// Under the address sanitizer nobody asks: it takes memory of its own.
[[maybe_unused]] std::int64_t peak_memory(int whose) {
  rusage usage{};
  getrusage(whose, &usage);
  return std::int64_t{usage.ru_maxrss} << 10;
}

// Whatever bit is flipped: the file is read, as one of its size, or refused with one line, soon and
// with little memory. Flipped are bytes that are not zero, of which most files have few.
TEST(Hdf5Content, SurvivesFlippedBits) {
  const std::string whole = image_for_flips();
  std::vector<std::size_t> bytes;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (whole[i] != 0) bytes.push_back(i);
  }
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    const std::size_t bit = 8 * bytes[random() % bytes.size()] + random() % 8;
    SCOPED_TRACE(bit);
    const auto start = std::chrono::steady_clock::now();
    try {
      const File file = open(with_flip(whole, bit));
      for (const char* dataset : {"g/x", "y"}) {
        // Names and shapes may be others.
        if (!file.exists(dataset)) continue;
        std::int64_t count = 1;
        for (const std::int64_t extent : file.shape(dataset)) count *= extent;
        EXPECT_LE(count, std::int64_t{5} << 20) << dataset;
      }
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::StartsWith("a.h5"));
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      ++refused;
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(40));
  }
  EXPECT_GT(refused, 100);
#ifndef __SANITIZE_ADDRESS__
  EXPECT_LT(peak_memory(RUSAGE_CHILDREN), peak_memory(RUSAGE_SELF) + (std::int64_t{128} << 20));
#endif
}

}  // namespace
}  // namespace ekgine::hdf5
