// Predictions without a seal: any bytes, which are read in a process of their own.
#include "evaluation/predictions.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const auto path = folder.write("predictions.h5", fuzz::text_of(data, size));
  fuzz::try_to_read([&] { read_predictions(path, 5); });
  return 0;
}
