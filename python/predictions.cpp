// predictions.h5 as NumPy arrays.

#include "evaluation/predictions.h"

#include <fmt/format.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>

#include "base/beat.h"
#include "python/arrays.h"
#include "python/bindings.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace ekgine::python {

namespace {

nb::dict predictions_of(const std::filesystem::path& path) {
  require_readable(path);
  std::vector<RecordPredictions> records;
  {
    const nb::gil_scoped_release others_run;
    records = read_predictions(path, class_count);
  }
  nb::dict by_name;
  for (RecordPredictions& record : records) {
    const nb::str name(record.record.data(), record.record.size());
    by_name[name] = nb::cast(std::move(record));
  }
  return by_name;
}

}  // namespace

void add_predictions(nb::module_& module) {
  nb::class_<RecordPredictions>(
      module, "Predictions",
      "What a model predicted for the sequences of one record. The arrays are views, read-only, "
      "that share its memory and keep it.")
      .def_ro("record", &RecordPredictions::record, "The record's name.")
      .def("__len__", [](const RecordPredictions& p) { return p.labels.size(); })
      .def_prop_ro(
          "probabilities",
          [](const RecordPredictions& p) {
            return View<float, -1, class_count>(p.probabilities.data(),
                                                {p.labels.size(), class_count});
          },
          "(n, 5), columns as in `ekgine.classes`.")
      .def_prop_ro(
          "labels",
          [](const RecordPredictions& p) {
            return View<std::int32_t, -1>(p.labels.data(), {p.labels.size()});
          },
          "(n) of the sequences' last beats.")
      .def_prop_ro(
          "r_samples",
          [](const RecordPredictions& p) -> std::optional<View<std::int64_t, -1>> {
            if (p.r_samples.size() != p.labels.size()) return std::nullopt;
            return View<std::int64_t, -1>(p.r_samples.data(), {p.r_samples.size()});
          },
          "(n) samples of the record at which the R waves of the last beats are; None in files of "
          "others, which do not say.")
      .def("__repr__", [](const RecordPredictions& p) {
        return fmt::format("<ekgine.Predictions {}: {} sequences>", p.record, p.labels.size());
      });
  module.def("read_predictions", &predictions_of, "path"_a,
             nb::sig("def read_predictions(path: str | os.PathLike) -> dict[str, Predictions]"),
             "Reads predictions.h5 of a run or an evaluation: by record, in the order of the "
             "names.\n\n`ValueError` where it is damaged, or holds something else.");
}

}  // namespace ekgine::python
