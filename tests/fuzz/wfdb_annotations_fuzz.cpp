#include "data/wfdb_annotations.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const auto path = folder.write("100.atr", fuzz::text_of(data, size));
  fuzz::try_to_read([&] { read_wfdb_annotations(path, 360); });
  return 0;
}
