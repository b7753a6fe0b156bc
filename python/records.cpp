// The store and its records as NumPy arrays.

#include <fmt/format.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>

#include "base/error.h"
#include "data/beat_unit.h"
#include "data/beats.h"
#include "data/store.h"
#include "python/arrays.h"
#include "python/bindings.h"
#include "python/records.h"
#include "python/threads.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace ekgine::python {

namespace {

BeatUnit unit_named(const std::string& name) {
  for (const BeatUnit unit : {BeatUnit::features, BeatUnit::waves}) {
    if (name == beat_unit_name(unit)) return unit;
  }
  return beat_unit_from_name(name);
}

void open_store(Store* store, const std::filesystem::path& folder, const std::string& unit) {
  require_readable(folder);
  const nb::gil_scoped_release others_run;
  new (store) Store(folder, unit_named(unit));
}

nb::tuple record_names(const Store& store) {
  nb::list names;
  for (const StoreRecord& record : store.info().records) {
    names.append(nb::str(record.name.data(), record.name.size()));
  }
  return nb::tuple(names);
}

RecordBeats read_record(const Store& store, const std::string& name) {
  const nb::gil_scoped_release others_run;
  return store.read(name);
}

nb::object read_waves(const Store& store, const std::string& name) {
  BeatWaves waves;
  {
    const nb::gil_scoped_release others_run;
    waves = store.read_waves(name);
  }
  const auto count = static_cast<std::size_t>(waves.size());
  return array_of(std::move(waves.samples), {count, wave_leads, wave_samples});
}

nb::object measure(nb::handle beats, const std::string& unit) {
  const FloatArray array = beats_of(beats, BeatUnit::millivolts);
  RecordBeats record;
  record.name = "of beats";
  {
    const nb::gil_scoped_release others_run;
    record.beats.assign(array.values.begin(), array.values.end());
    record.labels.resize(array.rows());
    measure_in(beat_unit_from_name(unit), record);
  }
  return array_of(std::move(record.beats), {array.rows(), beat_samples});
}

std::size_t size_of(const RecordBeats& record) {
  return record.labels.size();
}

void add_record(nb::module_& module) {
  nb::class_<RecordBeats>(module, "Record",
                          "The beats of one record, in time order, as `Store.read` gives them. The "
                          "arrays are views, read-only, that share its memory and keep it.")
      .def_ro("name", &RecordBeats::name, "Of the record, such as \"213\".")
      .def_ro("lead", &RecordBeats::lead, "Of the signal that the beats are cut from.")
      .def_prop_ro(
          "unit", [](const RecordBeats& record) { return beat_unit_name(record.unit); },
          "What the beats are measured in: mV, centred, record or deviation; or `features`.")
      .def("__len__", &size_of)
      .def_prop_ro(
          "beats",
          [](const RecordBeats& record) {
            return View<float, -1, -1>(
                record.beats.data(),
                {size_of(record), static_cast<std::size_t>(row_width(record.unit))});
          },
          "(n, 187) samples around the R wave, at 360 Hz; those of a store in `features` are the "
          "features (n, 48), in `waves` these and the samples of the waves (n, 240).")
      .def_prop_ro(
          "features",
          [](const RecordBeats& record) {
            return View<float, -1, beat_features>(features_of(record).data(),
                                                  {size_of(record), beat_features});
          },
          "(n, 48) what `ekgine preprocess` has measured of the beats' rhythm and shape, whatever "
          "the unit.\n\n`ValueError` where the store is an older one, without features.")
      .def_prop_ro(
          "labels",
          [](const RecordBeats& record) {
            return View<std::int32_t, -1>(record.labels.data(), {size_of(record)});
          },
          "(n) places in `ekgine.classes`.")
      .def_prop_ro(
          "symbols",
          [](const RecordBeats& record) {
            const auto* ascii = reinterpret_cast<const std::uint8_t*>(record.symbols.data());
            return View<std::uint8_t, -1>(ascii, {size_of(record)});
          },
          "(n) annotation symbols, ASCII; `symbols.tobytes().decode()` is a text.")
      .def_prop_ro(
          "r_samples",
          [](const RecordBeats& record) {
            return View<std::int64_t, -1>(record.r_samples.data(), {size_of(record)});
          },
          "(n) samples of the record at which the R waves are.")
      .def("__repr__", [](const RecordBeats& record) {
        return fmt::format("<ekgine.Record {}: {} beats in {}>", record.name, record.size(),
                           beat_unit_name(record.unit));
      });
}

}  // namespace

std::span<const float> features_of(const RecordBeats& record) {
  if (record.unit == BeatUnit::features) return record.beats;
  if (record.unit == BeatUnit::waves) {
    fail("record {}: in the unit waves its features are columns of its beats", record.name);
  }
  if (std::ssize(record.features) != record.size() * beat_features) {
    fail("record {}: has no features: its store is an older one (run preprocess again)",
         record.name);
  }
  return record.features;
}

void add_records(nb::module_& module) {
  add_record(module);
  nb::class_<Store>(module, "Store",
                    "A store: what `ekgine preprocess` makes of a database.\n\nBeats are stored in "
                    "mV; what is read is measured in `unit`: give that of the model. In the unit "
                    "`features` beats are features, in `waves` features and waves.")
      .def("__init__", &open_store, "folder"_a, "unit"_a = "mV")
      .def_prop_ro("records", &record_names,
                   nb::for_getter(nb::sig("def records(self) -> tuple[str, ...]")),
                   "Names of the records, as `store.json` lists them.")
      .def_prop_ro(
          "unit", [](const Store& store) { return beat_unit_name(store.unit()); },
          "Of the beats that are read.")
      .def_prop_ro(
          "label_map", [](const Store& store) { return store.info().label_map; },
          "Name of the map from annotation symbols to classes.")
      .def("read", &read_record, "record"_a,
           "Reads a record, checks its checksum, and measures its beats.\n\n`ValueError` where the "
           "store has no such record, or its file is damaged.")
      .def("read_waves", &read_waves, "record"_a,
           nb::sig("def read_waves(self, record: str) -> numpy.typing.NDArray[numpy.float32]"),
           "The wider windows (n, 2, 96) of a record's beats, of two leads at 120 Hz, R at sample "
           "42, in typical beats of the lead; 0 for a second lead that was not measured.\n\n"
           "`ValueError` as of `read`, and where the store is an older one, without waves.")
      .def("__repr__", [](const Store& store) {
        return fmt::format("<ekgine.Store {}: {} records, beats in {}>", store.folder().string(),
                           store.info().records.size(), beat_unit_name(store.unit()));
      });
  module.def("measure", &measure, "beats"_a.none(), "unit"_a,
             nb::sig("def measure(beats: numpy.typing.NDArray[numpy.float32], unit: str) -> "
                     "numpy.typing.NDArray[numpy.float32]"),
             "Beats in mV (n, 187), all of one record → the same in another unit, a new "
             "array.\n\n`record` and `deviation` measure a beat by the others: they want all of "
             "the record's.");
}

}  // namespace ekgine::python
