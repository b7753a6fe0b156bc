// EDF and BDF, any bytes.
#include "data/edf.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const auto path = folder.write("r.edf", fuzz::text_of(data, size));
  fuzz::try_to_read([&] {
    const EdfHeader header = read_edf_header(path);
    const std::size_t most = std::min(header.signals.size(), std::size_t{4});
    for (std::size_t signal = 0; signal < most; ++signal) {
      fuzz::try_to_read([&] { read_edf_millivolts(header, signal); });
    }
  });
  return 0;
}
