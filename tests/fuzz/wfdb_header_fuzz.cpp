#include "data/wfdb_header.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const auto path = folder.write("100.hea", fuzz::text_of(data, size));
  return fuzz::try_to_read([&] { read_wfdb_header(path); });
}
