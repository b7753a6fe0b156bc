// Predictions whose seal holds, with anything in their groups.
#include "evaluation/predictions.h"
#include "fuzz.h"
#include "odd_file.h"

namespace {

using namespace ekgine;

void write_file_of(const std::filesystem::path& path, FuzzedDataProvider& bytes) {
  hdf5::File file = hdf5::File::create(path);
  fuzz::OddFile odd(file, bytes);
  odd.integer("version", 2);
  odd.text("classes", "N,S,V,F,Q");
  const int groups = bytes.ConsumeIntegralInRange(0, 2);
  for (int i = 0; i <= groups; ++i) {
    std::string group = std::to_string(100 + i);
    if (bytes.ConsumeBool()) group = bytes.ConsumeRandomLengthString(12);
    const std::int64_t n = 3;
    odd.dataset<float>(group + "/probabilities", {n, 5},
                       [](std::int64_t j) { return j % 5 == 0 ? 1 : 0; });
    odd.dataset<std::int32_t>(group + "/labels", {n}, [](std::int64_t j) { return j; });
    odd.dataset<std::int64_t>(group + "/r_samples", {n}, [](std::int64_t j) { return 300 * j; });
  }
  file.close();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  const auto path = folder / "predictions.h5";
  FuzzedDataProvider bytes(data, size);
  if (!fuzz::try_to_read([&] { write_file_of(path, bytes); })) return 0;
  fuzz::try_to_read([&] {
    for (const RecordPredictions& record : read_predictions(path, 5)) {
      if (record.probabilities.size() != 5 * record.labels.size()) std::abort();
    }
  });
  return 0;
}
