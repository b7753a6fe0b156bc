// The records that the repository carries: whole, within their size, and fit for a first training.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/atomic_file.h"
#include "data/dataset.h"
#include "data/preprocess.h"
#include "data/splits.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;

TEST(Samples, HoldTheClassesThatTheReadmeSays) {
  const fs::path source(EKGINE_SOURCE_DIR);
  const testing::TemporaryDirectory folder;
  preprocess({source / "data/samples", folder / "store", {}, "reference", "test", false});
  const Store store(folder / "store");
  EXPECT_EQ(store.info().records.size(), 5u);

  std::uintmax_t bytes = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(source / "data/samples")) {
    bytes += entry.file_size();
  }
  EXPECT_LE(bytes, 10'000'000u);

  const std::string readme = read_file(source / "data/samples/README.md");
  for (const StoreRecord& record : store.info().records) {
    const auto& n = record.counts;
    const std::string row = fmt::format("| {} | {} | {} | {} | {} |", n[0], n[1], n[2], n[3], n[4]);
    EXPECT_NE(readme.find(row), std::string::npos) << record.name << ": " << row;
  }

  const Split split = read_split(source / "data/splits/samples.json");
  const MemoryDataset train(store, split.train, 3);
  require_all_classes(train, "training");
  for (const std::int64_t count : train.class_counts()) EXPECT_GE(count, 300);
  const MemoryDataset test(store, split.test, 3);
  for (std::size_t c = 0; c < 4; ++c) EXPECT_GE(test.class_counts()[c], 90) << class_names[c];
}

}  // namespace
}  // namespace ekgine
