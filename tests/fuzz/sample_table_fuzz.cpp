// A table of samples, with the rate that its first byte is, or none.
#include "data/sample_table.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  if (size == 0) return 0;
  static const fuzz::Folder folder;
  const auto path = folder.write("r.csv", fuzz::text_of(data + 1, size - 1));
  fuzz::try_to_read([&] {
    const SampleTable table = read_sample_table(path, data[0]);
    const std::size_t most = std::min(table.columns.size(), std::size_t{4});
    for (std::size_t column = 0; column < most; ++column) {
      fuzz::try_to_read([&] { read_table_millivolts(table, column); });
    }
  });
  return 0;
}
