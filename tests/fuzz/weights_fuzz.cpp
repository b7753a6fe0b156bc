// What a weights file says of its model, behind a seal that holds and in the format without one:
// the model and the label map, a zero byte between them.
#include "model/weights.h"

#include "base/json_file.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const auto [model, label_map] = fuzz::parts_of<2>(fuzz::text_of(data, size));
  for (const bool sealed : {false, true}) {
    Json header;
    Json& metadata = header["__metadata__"];
    if (sealed) metadata["sha256"] = blank_seal;
    metadata["format"] = sealed ? "ekgine-weights-2" : "ekgine-weights-1";
    metadata["model"] = std::string(model);
    metadata["label_map"] = std::string(label_map);
    const Json shape = Json::array({5}), offsets = Json::array({0, 20});
    header["classifier.bias"] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", offsets}};
    const std::string file = fuzz::safetensors_of(json_text(header), std::string(20, '\0'));
    const auto path = folder.write("model.safetensors", file);
    fuzz::try_to_read([&] { load_model_weights(path); });
  }
  return 0;
}
