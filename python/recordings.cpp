#include "python/recordings.h"

#include <fmt/format.h>
#include <nanobind/nanobind.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <vector>

#include "base/beat.h"
#include "base/interrupt.h"
#include "classification/classify.h"
#include "data/beats.h"
#include "python/bindings.h"
#include "python/threads.h"

namespace nb = nanobind;

namespace ekgine::python {

namespace {

using namespace std::chrono_literals;

// A read-only column of the beats, each of which has `Extents` of it.
template <class T, nb::ssize_t... Extents>
using Column = nb::ndarray<nb::numpy, const T, nb::shape<-1, Extents...>, nb::device::cpu>;

template <class T>
constexpr auto beat_stride = static_cast<std::int64_t>(sizeof(LabelledBeat) / sizeof(T));

LeadSignal signal_of(const FloatArray& leads, double rate, const std::function<void()>& between) {
  const std::size_t samples = leads.array.shape(leads.array.ndim() - 1);
  const auto lead = [values = leads.values, samples](std::size_t i) {
    const auto of_lead = values.subspan(i * samples, samples);
    return std::vector<float>(of_lead.begin(), of_lead.end());
  };
  LeadSignal signal{
      .recording = "samples", .lead = "", .frequency = rate, .signal = lead(0), .second = {}};
  if (leads.values.size() > samples) {
    signal.second = [lead, between] {
      between();
      return lead(1);
    };
    signal.second_frequency = rate;
  }
  return signal;
}

}  // namespace

LabelledRecording label_leads(const FloatArray& leads, double rate, BeatClassifier& classifier) {
  check_frequency(rate, "rate");
  std::atomic<bool> stop = false;
  const auto go_on = [&stop] {
    if (stop) throw Interrupted("interrupted");
  };
  // On a thread of its own, as Python tells of signals in its main thread alone, which would wait.
  std::future<LabelledRecording> labelled = std::async(std::launch::async, [&] {
    const ThreadBudget budget;
    return label_beats(signal_of(leads, rate, go_on), classifier,
                       [&](std::int64_t, std::int64_t) { go_on(); });
  });
  while (labelled.wait_for(20ms) != std::future_status::ready) {
    try {
      if (ending()) {
        stop = true;
        labelled.wait();
      }
      handle_signals();
    } catch (...) {
      stop = true;  // and the future waits for its thread
      throw;
    }
  }
  return labelled.get();
}

void add_recordings(nb::module_& module) {
  nb::class_<LabelledRecording>(
      module, "Classification",
      "The beats that were found in a recording, in time order, as `Model.classify_recording` "
      "gives them. The arrays are views, read-only, that share its memory and keep it.")
      .def("__len__", [](const LabelledRecording& found) { return found.beats.size(); })
      .def_prop_ro(
          "r_samples",
          [](const LabelledRecording& found) {
            return Column<std::int64_t>(&found.beats.data()->sample, {found.beats.size()}, {},
                                        {beat_stride<std::int64_t>});
          },
          "(n) samples of the recording at which the R waves are.")
      .def_prop_ro(
          "labels",
          [](const LabelledRecording& found) {
            return Column<std::int32_t>(&found.beats.data()->label, {found.beats.size()}, {},
                                        {beat_stride<std::int32_t>});
          },
          "(n) places in `ekgine.classes`: the most probable class.")
      .def_prop_ro(
          "probabilities",
          [](const LabelledRecording& found) {
            return Column<float, class_count>(found.beats.data()->probabilities.data(),
                                              {found.beats.size(), class_count}, {},
                                              {beat_stride<float>, 1});
          },
          "(n, 5), columns as in `ekgine.classes`.")
      .def_prop_ro(
          "unreadable",
          [](const LabelledRecording& found) {
            static_assert(sizeof(Stretch) == 2 * sizeof(std::int64_t));
            return View<std::int64_t, -1, 2>(
                reinterpret_cast<const std::int64_t*>(found.unreadable.data()),
                {found.unreadable.size(), 2});
          },
          "(m, 2) stretches that were not searched for beats: their first sample, and the one "
          "after their last.")
      .def_ro("left_out", &LabelledRecording::left_out,
              "How many beats were found too close to what is unreadable for a label.")
      .def("__repr__", [](const LabelledRecording& found) {
        return fmt::format("<ekgine.Classification: {} beats>", found.beats.size());
      });
}

}  // namespace ekgine::python
