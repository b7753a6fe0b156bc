// What a checkpoint says of its run, behind a seal that holds and in the format without one: its
// options, inputs and state, zero bytes between them. Its arrays are as wide as those of
// the stored inputs.
#include "training/checkpoint.h"

#include "base/json_file.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const auto [options, inputs, state] = fuzz::parts_of<3>(fuzz::text_of(data, size));
  for (const bool sealed : {false, true}) {
    Json header;
    Json& metadata = header["__metadata__"];
    if (sealed) metadata["sha256"] = blank_seal;
    metadata["format"] = sealed ? "ekgine-checkpoint-2" : "ekgine-checkpoint-1";
    metadata["options"] = std::string(options);
    metadata["inputs"] = std::string(inputs);
    metadata["state"] = std::string(state);
    std::size_t offset = 0;
    const auto add = [&](const char* name, std::vector<std::size_t> shape) {
      std::size_t bytes = sizeof(float);
      for (const std::size_t extent : shape) bytes *= extent;
      const Json offsets = Json::array({offset, offset + bytes});
      header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", offsets}};
      offset += bytes;
    };
    add("features.conv3.weight", {1, 1, 1, 8});
    add("encoder.0.attention.query.weight", {1, 2, 1});
    add("encoder.0.attention.position", {3, 1});
    folder.write("checkpoint.safetensors",
                 fuzz::safetensors_of(json_text(header), std::string(offset, '\0')));
    fuzz::try_to_read([&] {
      const Checkpoint checkpoint = load_checkpoint(folder.path());
      // What is taken once can be written and taken again.
      TrainOptions::from_json(checkpoint.options.to_json(), "options");
    });
  }
  return 0;
}
