// A store whose seals hold, with anything in the datasets and attributes of its record.
#include "base/json_file.h"
#include "data/store.h"
#include "fuzz.h"
#include "odd_file.h"

namespace {

using namespace ekgine;

void write_store(const fuzz::Folder& folder, FuzzedDataProvider& bytes) {
  ClassCounts counts = {2, 1, 0, 0, 0};
  if (bytes.ConsumeBool()) counts[2] = bytes.ConsumeIntegralInRange<std::int64_t>(0, 3);
  std::int64_t n = 0;
  for (const std::int64_t count : counts) n += count;
  hdf5::File file = hdf5::File::create(folder / "100.h5");
  fuzz::OddFile odd(file, bytes);
  odd.integer("version", store_version);
  odd.text("record", "100");
  odd.text("lead", "MLII");
  odd.dataset<float>("beats", {n, beat_samples}, [](std::int64_t i) { return i % 100 * 0.01; });
  odd.dataset<std::int32_t>("labels", {n}, [](std::int64_t i) {
    return i < 2 ? 0 : i == 2 ? 1 : 2;
  });
  odd.dataset<std::int8_t>("symbols", {n}, [](std::int64_t) { return 'N'; });
  odd.dataset<std::int64_t>("r_samples", {n}, [](std::int64_t i) { return 300 * i; });
  if (bytes.ConsumeBool()) {
    odd.text("moments_amplitude", "deviation");
    odd.dataset<double>("moments", {2, beat_samples}, [](std::int64_t) { return 1; });
  }
  if (bytes.ConsumeBool()) {
    odd.integer("wave_leads", 2);
    odd.dataset<float>("features", {n, beat_features}, [](std::int64_t) { return 0.5; });
    odd.dataset<float>("waves", {n, wave_leads, wave_samples}, [](std::int64_t) { return 0.5; });
  }
  const bool scalograms = bytes.ConsumeBool();
  if (scalograms) {
    odd.dataset<float>("scalograms", {n, scalogram_scales, beat_samples},
                       [](std::int64_t) { return 0; });
  }
  file.close();
  Json json = {{"format", "ekgine store"}, {"version", store_version}, {"tool", ""}, {"source", ""},
               {"label_map", "reference"}, {"scalograms", scalograms}};
  const Json record = {{"name", "100"},
                       {"counts", std::vector(counts.begin(), counts.end())},
                       {"sha256", file.seal()}};
  json["records"] = Json::array({record});
  folder.write("store.json", sealed_json(json));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  FuzzedDataProvider bytes(data, size);
  constexpr BeatUnit units[] = {BeatUnit::millivolts, BeatUnit::centred, BeatUnit::record,
                                BeatUnit::deviation};
  const BeatUnit unit = bytes.PickValueInArray(units);
  if (!fuzz::try_to_read([&] { write_store(folder, bytes); })) return 0;
  fuzz::try_to_read([&] {
    const Store store(folder.path(), unit);
    fuzz::try_to_read([&] {
      std::optional<Moments> moments;
      const RecordBeats beats = store.read("100", &moments);
      const std::int64_t n = store.info().records.front().beats();
      if (beats.size() != n || std::ssize(beats.beats) != n * beat_samples) std::abort();
      if (!beats.features.empty() && std::ssize(beats.features) != n * beat_features) std::abort();
    });
    fuzz::try_to_read([&] { store.read_labels("100"); });
    fuzz::try_to_read([&] { store.read_waves("100"); });
    fuzz::try_to_read([&] { store.read_scalograms("100", 1, 2); });
  });
  return 0;
}
