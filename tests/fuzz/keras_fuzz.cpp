// A .keras file: any bytes.
#include "fuzz.h"
#include "model/keras_import.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const auto path = folder.write("model.keras", fuzz::text_of(data, size));
  fuzz::try_to_read([&] { import_keras(path); });
  return 0;
}
