// Files that claim more than they hold: the program is done with them soon, and takes no memory for
// what is not there.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "base/hdf5.h"
#include "base/hdf5_library.h"
#include "base/json.h"
#include "base/zip.h"
#include "tests/apps/program.h"

namespace ekgine::testing {
namespace {

class Claims : public SmallStore {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "AddressSanitizer takes memory of its own";
#endif
  }
  ProcessResult measure(const Arguments& arguments) const {
    const auto start = std::chrono::steady_clock::now();
    ProcessResult result = ekgine(arguments);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
    return result;
  }
  void refuses(const Arguments& arguments, const std::string& expected) const {
    SCOPED_TRACE(expected);
    const ProcessResult result = measure(arguments);
    expect_one_line(result, 1, expected);
    EXPECT_LT(result.peak_memory, usual_ + (std::int64_t{100} << 20)) << result.err;
  }
  void convert(const std::string& file, const std::string& expected) const {
    refuses({"convert", file, path("out.safetensors"), "--threads", "1", "--quiet"}, expected);
  }
  void export_store(const std::string& store, const std::string& expected) const {
    refuses({"export", "--data", store, "--tfrecord", path("out"), "--threads", "1", "--quiet"},
            expected);
  }

  // A number of `size` bytes, lowest first.
  static std::string number(std::uint64_t value, int size) {
    std::string bytes;
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> 8 * i);
    return bytes;
  }
  static std::string safetensors(const std::string& header) {
    return number(header.size(), 8) + header;
  }

  // Of a command that refuses a file that is not there.
  const std::int64_t usual_ =
      measure({"convert", path("none.keras"), path("out.safetensors"), "--threads", "1", "--quiet"})
          .peak_memory;
};

TEST_F(Claims, OfWeights) {
  const std::string file = path("a.safetensors"), model = path("x.keras");
  const auto convert = [&](const std::string& content, const std::string& expected) {
    write_bytes(file, content);
    refuses({"convert", file, model, "--threads", "1", "--quiet"}, expected);
  };
  const Json large = {{"name", "Main_Model"}, {"sequence_length", 3},   {"embed_dim", 1024},
                      {"num_heads", 64},      {"ff_dim_multiplier", 8}, {"kernel_size", 11},
                      {"num_blocks", 8},      {"dropout", 0.1},         {"amplitude", "mV"}};
  const Json metadata = {{"format", "ekgine-weights-1"}, {"model", large.dump()}};
  Json header = {{"__metadata__", metadata}};
  convert(safetensors(header.dump()), "weights do not fit Main_Model");
  header["features.conv3.weight"] = {{"dtype", "F32"},
                                     {"shape", Json::array({3, 3, 64, 1 << 20})},
                                     {"data_offsets", Json::array({0, std::int64_t{2304} << 20})}};
  convert(safetensors(header.dump()), file);
  convert(number(std::uint64_t{1} << 62, 8) + "{}", file);
  convert(number(std::uint64_t{1} << 30, 8) + "{}", file);
}

TEST_F(Claims, OfZipFiles) {
  const std::string file = path("a.keras");
  for (const char* claimed : {"metadata.json", "config.json", "model.weights.h5"}) {
    const std::vector<ZipMember> members = {{"metadata.json", R"({"keras_version": "3.8.0"})"},
                                            {"config.json", "{}"},
                                            {"model.weights.h5", "none"}};
    std::string content = zip_of(members, ZipMethod::deflate, file);
    // The uncompressed size, in the member's own header and in the directory.
    for (const auto& [sign, size, name] :
         {std::tuple{"PK\x03\x04", 22U, 30U}, std::tuple{"PK\x01\x02", 24U, 46U}}) {
      for (std::size_t at = content.find(sign); at != std::string::npos;
           at = content.find(sign, at + 1)) {
        if (content.compare(at + name, std::string(claimed).size(), claimed) == 0) {
          content.replace(at + size, 4, number(0x3FFF'FFFF, 4));
        }
      }
    }
    write_bytes(file, content);
    convert(file, file + ": ");
  }
}

// A dataset without a byte of data, and records of as many beats: more than any memory, and 750 MB.
TEST_F(Claims, OfStores) {
  Json description = {{"format", "ekgine store"},
                      {"version", 2},
                      {"tool", "ekgine 0.1.0"},
                      {"source", "s"},
                      {"label_map", "reference"},
                      {"classes", Json::array({"N", "S", "V", "F", "Q"})},
                      {"sampling_frequency", 360.0},
                      {"beat_samples", 187},
                      {"units", "mV"},
                      {"scalograms", false}};
  const auto describe = [&](std::int64_t count) {
    const Json counts = Json::array({count, 0, 0, 0, 0});
    const Json record = {{"name", "r"}, {"beats", count}, {"counts", counts}};
    description["records"] = Json::array({record});
    write_bytes(path("claims/store.json"), description.dump());
  };
  std::filesystem::create_directory(path("claims"));
  for (const auto& [beats, chunked] :
       {std::pair{std::int64_t{2'000'000'000}, false}, std::pair{std::int64_t{2'000'000'000}, true},
        std::pair{std::int64_t{1'000'000}, false}, std::pair{std::int64_t{1'000'000}, true}}) {
    {
      const std::string name = path("claims/r.h5");
      const hdf5::Id id(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose);
      const hdf5::Id creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
      const hsize_t chunk[] = {1'000'000, 187}, extents[] = {static_cast<hsize_t>(beats), 187};
      if (chunked) H5Pset_chunk(creation.get(), 2, chunk);
      for (const char* dataset : {"beats", "labels", "symbols", "r_samples"}) {
        const int rank = std::string(dataset) == "beats" ? 2 : 1;
        if (chunked) H5Pset_chunk(creation.get(), rank, chunk);
        const hdf5::Id space(H5Screate_simple(rank, extents, nullptr), H5Sclose);
        const hdf5::Id made(H5Dcreate2(id.get(), dataset, H5T_IEEE_F32LE, space.get(), H5P_DEFAULT,
                                       creation.get(), H5P_DEFAULT),
                            H5Dclose);
        ASSERT_TRUE(made.valid()) << dataset;
      }
    }
    for (const std::int64_t count : {beats, std::int64_t{6}}) {
      describe(count);
      export_store(path("claims"), path("claims/r.h5"));
    }
  }
}

TEST_F(Claims, OfRecords) {
  for (const char* samples : {"100000000000", "2000000000"}) {
    write_bytes(database_ + "/901.hea",
                std::string("901 1 360 ") + samples + "\n901.dat 212 200 11 1024 0 0 0 MLII\n");
    refuses({"preprocess", "--database", database_, "--output", path("new"), "--threads", "1",
             "--quiet"},
            "901");
  }
}

}  // namespace
}  // namespace ekgine::testing
