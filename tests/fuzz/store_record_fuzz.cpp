// A record's file of a store without seals: any bytes, which are read in a process of their own.
#include "data/store.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  static const auto description = folder.write("store.json", R"({
    "format": "ekgine store", "version": 2, "tool": "", "source": "", "label_map": "reference",
    "scalograms": false, "records": [{"name": "100", "counts": [2, 1, 0, 0, 0]}]})");
  folder.write("100.h5", fuzz::text_of(data, size));
  fuzz::try_to_read([&] {
    const RecordBeats beats = Store(folder.path()).read("100");
    if (beats.size() != 3 || std::ssize(beats.beats) != 3 * beat_samples) std::abort();
  });
  return 0;
}
