// store.json as it stands, and with a seal that holds.
#include "data/store.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const std::string_view text = fuzz::text_of(data, size);
  for (const std::string& file : {std::string(text), fuzz::with_right_json_seal(text)}) {
    folder.write("store.json", file);
    fuzz::try_to_read([&] {
      const Store store(folder.path());
      const std::vector<std::string> names = store.record_names();
      fuzz::try_to_read([&] { store.fingerprint({names, {}, {}}); });
      fuzz::try_to_read([&] { store.read(names.front()); });  // of a file that is not there
    });
  }
  return 0;
}
