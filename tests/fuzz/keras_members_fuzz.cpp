// A .keras file whose zip is whole: config.json, metadata.json and model.weights.h5, zero bytes
// between them. In place of the last a digit 0 to 3 stands for the weights of such a model.
#include "base/zip.h"
#include "fuzz.h"
#include "model/keras_import.h"
#include "small_models.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  static const std::vector<std::string> whole = [] {
    std::vector<std::string> files;
    for (const ModelConfig& config : fuzz::small_keras_models()) {
      const auto path = folder / "whole.keras";
      fuzz::write_keras(path, config);
      files.push_back(ZipReader(path, "").read("model.weights.h5", std::size_t{1} << 24));
    }
    return files;
  }();
  const auto [config, metadata, weights] = fuzz::parts_of<3>(fuzz::text_of(data, size));
  const bool digit = weights.size() == 1 && weights[0] >= '0' && weights[0] < '4';
  const ZipMember members[] = {
      {"config.json", std::string(config)},
      {"metadata.json", std::string(metadata)},
      {"model.weights.h5",
       digit ? whole[static_cast<std::size_t>(weights[0] - '0')] : std::string(weights)}};
  const auto path = folder.write("model.keras", zip_of(members, ZipMethod::store, "model.keras"));
  fuzz::try_to_read([&] { import_keras(path); });
  return 0;
}
