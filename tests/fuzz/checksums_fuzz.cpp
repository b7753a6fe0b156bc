// The lists of a database: SHA256SUMS.txt, and RECORDS as preprocessing reads it.
#include "data/checksums.h"
#include "data/preprocess.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const std::string_view text = fuzz::text_of(data, size);
  fuzz::try_to_read([&] { parse_checksums(text, "SHA256SUMS.txt"); });
  folder.write("RECORDS", text);
  fuzz::try_to_read([&] { database_records(folder.path()); });
  return 0;
}
