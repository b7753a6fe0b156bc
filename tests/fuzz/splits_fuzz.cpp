// A splits file as it stands, and with a seal that holds.
#include "data/splits.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const std::string_view text = fuzz::text_of(data, size);
  for (const std::string& file : {std::string(text), fuzz::with_right_json_seal(text)}) {
    const auto path = folder.write("splits.json", file);
    fuzz::try_to_read([&] { read_split(path); });
  }
  return 0;
}
