// A record's header, as it is read for its signals and by a download for its files.
#include "data/wfdb_header.h"

#include "data/download_lists.h"
#include "data/wfdb_signal.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  static const auto samples = folder.write("100.dat", std::string(60, '\1'));
  const auto path = folder.write("100.hea", fuzz::text_of(data, size));
  fuzz::try_to_read([&] { read_header(path); });
  fuzz::try_to_read([&] {
    const WfdbHeader header = read_wfdb_header(path);
    const std::size_t most = std::min(header.signals.size(), std::size_t{4});
    for (std::size_t signal = 0; signal < most; ++signal) {
      fuzz::try_to_read([&] { read_wfdb_millivolts(header, signal); });
    }
  });
  return 0;
}
