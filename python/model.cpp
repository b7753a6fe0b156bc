// Weights: classifying and encoding arrays of beats, classifying recordings.

#include "model/model.h"

#include <fmt/format.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>

#include <memory>
#include <mutex>
#include <utility>

#include "base/console.h"
#include "base/error.h"
#include "base/json.h"
#include "classification/beat_classifier.h"
#include "data/beats.h"
#include "kernels/runtime/instruction_set.h"
#include "model/keras_import.h"
#include "model/weights.h"
#include "python/arrays.h"
#include "python/bindings.h"
#include "python/recordings.h"
#include "python/records.h"
#include "python/threads.h"
#include "training/predict.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace ekgine::python {

namespace {

template <NamedChoice E>
E choice_of(const char* what, const std::string& name) {
  const auto found = choice_named<E>(name);
  if (!found) fail("{}: '{}', expected one of {}", what, name, fmt::join(choice_names<E>(), ", "));
  return *found;
}

class LoadedModel {
 public:
  LoadedModel(ModelWeights weights, std::string source, DeviceChoice device,
              PrecisionChoice precision)
      : weights_(std::move(weights)),
        source_(std::move(source)),
        choice_(device),
        precision_(precision),
        device_(Device::open(device, precision, print_message)),
        model_(weights_.config, device_, ParameterSet::Use::inference, 0),
        predictor_(model_, device_) {
    model_.load(weights_.state, source_);
    if (!model_.has_normalisation()) {
      fail("{}: carries no normalisation statistics, without which beats cannot be classified",
           source_);
    }
  }

  const ModelConfig& config() const { return model_.config(); }
  const std::string& label_map() const { return weights_.label_map; }
  // With the threads that calls compute with.
  std::string device() const {
    const Computing computing;
    return device_.description();
  }

  // work(predictor), one call at a time, while other threads of the interpreter run.
  template <class Work>
  std::vector<float> compute(const Work& work) {
    const Computing computing;
    const std::lock_guard one_at_a_time(mutex_);
    return work(predictor_);
  }

  // What leads_of() gives, at `rate` Hz, as `ekgine classify` labels it: block by block, which the
  // predictor above, whose bits are those of `ekgine evaluate`, does not.
  LabelledRecording label(const FloatArray& leads, double rate) {
    const Computing computing;
    const std::lock_guard one_at_a_time(mutex_);
    if (!classifier_) {
      classifier_ = std::make_unique<BeatClassifier>(weights_, source_, choice_, precision_,
                                                     [](const std::string&) {});
    }
    return label_leads(leads, rate, *classifier_);
  }

 private:
  // Recursive: between the chunks of a call, the handler of a signal may make another.
  std::recursive_mutex mutex_;
  ModelWeights weights_;
  std::string source_;
  DeviceChoice choice_;
  PrecisionChoice precision_;
  Device device_;
  Model model_;
  Predictor predictor_;
  std::unique_ptr<BeatClassifier> classifier_;  // made by the first call that needs it
};

std::unique_ptr<LoadedModel> load(const std::filesystem::path& path, const std::string& device,
                                  const std::string& precision) {
  require_readable(path);
  const auto on = choice_of<DeviceChoice>("device", device);
  const auto in = choice_of<PrecisionChoice>("precision", precision);
  check_instruction_set();
  const Computing computing;
  const std::string source = path.string();
  return std::make_unique<LoadedModel>(
      source.ends_with(".keras") ? import_keras(path) : load_model_weights(path), source, on, in);
}

// Between chunks, with the number of beats done.
void between_chunks(std::int64_t) {
  handle_signals();
}

// What the model takes of a record: its features, whatever its beats are measured in, or these.
BeatSpan span_of(const RecordBeats& record, const ModelConfig& config) {
  if (config.input() == BeatUnit::features) return {features_of(record), BeatUnit::features};
  return {record.beats, record.unit};
}

nb::object classify(LoadedModel& model, nb::handle beats) {
  const ModelConfig& config = model.config();
  std::vector<float> probabilities;
  if (nb::isinstance<RecordBeats>(beats)) {
    const BeatSpan span = span_of(nb::cast<const RecordBeats&>(beats), config);
    probabilities = model.compute(
        [&](Predictor& predictor) { return predictor.predict(span, between_chunks); });
  } else {
    // A model that labels every beat takes recordings alone.
    const FloatArray array =
        beats_of(beats, config.input(), config.labels_every_beat() ? 0 : config.sequence_length);
    const BeatSpan span{array.values, config.input()};
    probabilities = model.compute([&](Predictor& predictor) {
      return array.of_sequences() ? predictor.predict_sequences(span, between_chunks)
                                  : predictor.predict(span, between_chunks);
    });
  }
  const std::size_t sequences = probabilities.size() / class_count;
  return array_of(std::move(probabilities), {sequences, class_count});
}

nb::object encode(LoadedModel& model, nb::handle beats) {
  BeatSpan span{{}, model.config().input()};
  FloatArray array;
  if (nb::isinstance<RecordBeats>(beats)) {
    span = span_of(nb::cast<const RecordBeats&>(beats), model.config());
  } else {
    array = beats_of(beats, span.unit);
    span.samples = array.values;
  }
  std::vector<float> features =
      model.compute([&](Predictor& predictor) { return predictor.encode(span, between_chunks); });
  const auto width = static_cast<std::size_t>(model.config().embed_dim * model.config().members());
  const std::size_t count = features.size() / width;
  return array_of(std::move(features), {count, width});
}

LabelledRecording classify_recording(LoadedModel& model, nb::handle samples, double rate) {
  return model.label(leads_of(samples), rate);
}

nb::object config_of(const LoadedModel& model) {
  return nb::module_::import_("json").attr("loads")(model.config().to_json().dump());
}

// What a model says of itself.
void add_properties(nb::class_<LoadedModel>& type) {
  type.def_prop_ro(
          "architecture", [](const LoadedModel& model) { return model.config().name; },
          "Its name, such as Main_Model.")
      .def_prop_ro(
          "sequence_length",
          [](const LoadedModel& model) { return model.config().sequence_length; },
          "T: beats per sequence.")
      .def_prop_ro(
          "unit", [](const LoadedModel& model) { return beat_unit_name(model.config().input()); },
          "What the beats that it takes are measured in: mV, centred, record or deviation; or "
          "`features` or `waves`, of a Rhythm_Model, which takes what has been measured of them.")
      .def_prop_ro(
          "beat_width", [](const LoadedModel& model) { return row_width(model.config().input()); },
          "Numbers per beat: 187 samples, 48 features, or 240: features and waves.")
      .def_prop_ro(
          "labels_every_beat",
          [](const LoadedModel& model) { return model.config().labels_every_beat(); },
          "Whether every beat of a recording gets a label, as of a Rhythm_Model, or the last one "
          "of "
          "each sequence.")
      .def_prop_ro("label_map", &LoadedModel::label_map,
                   "The label map behind the classes that it was trained on; \"\" where that is "
                   "not known.")
      .def_prop_ro("config", &config_of,
                   nb::for_getter(nb::sig("def config(self) -> dict[str, typing.Any]")),
                   "Its hyperparameters by name.")
      .def_prop_ro("device", &LoadedModel::device, "What computes.");
}

}  // namespace

void add_model(nb::module_& module) {
  nb::class_<LoadedModel> type(
      module, "Model",
      "A model with its weights, as `ekgine.load` gives it.\n\nSeveral threads "
      "may call it; it does one call at a time. Ctrl-C ends a call.");
  add_properties(type);
  type.def("classify", &classify, "beats"_a.none(),
           nb::sig("def classify(self, beats: numpy.typing.NDArray[numpy.float32] | Record) -> "
                   "numpy.typing.NDArray[numpy.float32]"),
           "Probabilities (sequences, 5), columns as in `ekgine.classes`.\n\n"
           "A `Record`, or an array (n, beat_width) of the beats of one recording in time order: "
           "of its n - T + 1 sequences of T beats, each beat encoded once. The bits are those that "
           "`ekgine evaluate` writes, with as many threads. A sequence's class is that of its last "
           "beat. A model that `labels_every_beat` gives the n of all beats, whatever n is.\n\n"
           "An array (n, T, 187): of n sequences, each by itself, unless the model labels every "
           "beat.\n\n"
           "Arrays are of float32, C-contiguous and in the model's unit, and are read where they "
           "are. Nothing is converted: `TypeError` for another type, `ValueError` for another "
           "shape or order in memory, a value that is not finite, and a Record in another unit or, "
           "where the model takes features, without them.")
      .def("encode", &encode, "beats"_a.none(),
           nb::sig("def encode(self, beats: numpy.typing.NDArray[numpy.float32] | Record) -> "
                   "numpy.typing.NDArray[numpy.float32]"),
           "What the feature extractor makes of each beat (n, beat_width): features (n, "
           "embed_dim), of "
           "an ensemble those of its members side by side. "
           "Beats as `classify` takes them.")
      .def("classify_recording", &classify_recording, "samples"_a.none(), "rate"_a,
           nb::sig("def classify_recording(self, samples: numpy.typing.NDArray[numpy.float32], "
                   "rate: float) -> Classification"),
           "Finds the beats of a recording and labels each, as `ekgine classify` does: the same "
           "bits, with any number of threads.\n\n"
           "`samples`: in mV, NaN where not measured, float32, C-contiguous: one lead (n), or one "
           "or two (leads, n). Beats are looked for in the first; the second is read by a model "
           "that takes features. `rate`: in Hz, 100 to 10,000.\n\n"
           "`TypeError` for another type; `ValueError` for another shape or order in memory, an "
           "infinite value, another rate, and where no beats are found.")
      .def("__repr__", [](const LoadedModel& model) {
        return fmt::format("<ekgine.Model {}: sequences of {} beats in {}>", model.config().name,
                           model.config().sequence_length, beat_unit_name(model.config().input()));
      });
  module.def("load", &load, "path"_a, nb::kw_only(), "device"_a = "auto", "precision"_a = "f32",
             "Loads weights, a .safetensors file of `ekgine train` or a .keras file, to compute "
             "where and in what the options --device and --precision of `ekgine evaluate` "
             "say.\n\n`OSError` where the file cannot be read; `ValueError` where it is damaged, "
             "holds no weights of ekgine, or nothing of how inputs are normalised.");
}

}  // namespace ekgine::python
