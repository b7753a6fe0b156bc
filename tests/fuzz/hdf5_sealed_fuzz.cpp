// HDF5 files, any bytes of them, behind a seal that holds.
#include "base/json_file.h"
#include "data/store.h"
#include "evaluation/predictions.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  constexpr std::string_view line = "ekgine sha256 ";
  std::string file(fuzz::text_of(data, size));
  if (!file.starts_with(line) || size < line.size() + blank_seal.size()) return 0;
  set_seal(file, line.size());
  const auto path = folder.write("100.h5", file);
  Json json = {{"format", "ekgine store"}, {"version", store_version}, {"tool", ""}, {"source", ""},
               {"label_map", "reference"}, {"scalograms", false}};
  const Json record = {{"name", "100"},
                       {"counts", Json::array({2, 1, 0, 0, 0})},
                       {"sha256", file.substr(line.size(), blank_seal.size())}};
  json["records"] = Json::array({record});
  folder.write("store.json", sealed_json(json));
  fuzz::try_to_read([&] { Store(folder.path()).read("100"); });
  fuzz::try_to_read([&] { read_predictions(path, 5); });
  return 0;
}
