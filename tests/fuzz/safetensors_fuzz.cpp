// A safetensors file as it stands; and one with the header that the input has up to a zero byte,
// and a seal that holds.
#include "model/safetensors.h"

#include "fuzz.h"
#include "model/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const std::string_view input = fuzz::text_of(data, size);
  const auto [header, values] = fuzz::parts_of<2>(input);
  for (const std::string& file : {std::string(input), fuzz::safetensors_of(header, values)}) {
    const auto path = folder.write("model.safetensors", file);
    if (fuzz::try_to_read([&] { read_safetensors(path); })) {
      fuzz::try_to_read([&] { load_model_weights(path); });
    }
  }
  return 0;
}
