// Beats: windows of the ECG around the R waves that a cardiologist marked.
//
// Annotations are taken in file order. One whose symbol is in the label map is a beat; its R sample
// p is kept when 93 < p < length - 93; the window is samples p - 93 ... p + 93. That leaves out a
// beat at sample 93, whose window begins with the signal, as the reference does: its
// published results, of a database with one such beat, are without it.
//
// A beat may be annotated more than once, on several channels. Of annotations at one sample, and of
// those on different channels within 150 ms of each other (within which EC57 matches beats), the
// one of the lowest channel is kept, the first of equals.
//
// Beats are cut at 360 Hz. A record of another rate is resampled to it first (data/resample.h), and
// annotations go to the nearest sample; the positions of its beats are given at the record's own
// rate again, as the samples nearest to the middles of their windows: up to 360 Hz those that were
// annotated, above within 1.4 ms of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/beat.h"
#include "data/beat_features.h"
#include "data/labels.h"
#include "data/marks.h"
#include "data/recording.h"
#include "data/wfdb_annotations.h"

namespace ekgine {

constexpr std::int64_t beat_half = beat_samples / 2;  // samples on either side of R
constexpr double beat_frequency = 360;                // Hz: what 187 samples are a beat at
constexpr std::int64_t same_beat = 54;                // samples: 150 ms
// Hz, of records that beats can be cut from: with less, QRS complexes are lost.
constexpr double least_frequency = 100, most_frequency = 10'000;

// What is read of a record.
struct BeatOptions {
  BeatMarks marks = BeatMarks::annotated;
  std::string lead = "";          // as choose_lead() takes it
  bool invert = false;            // turn the lead upside down
  std::string annotator = "atr";  // the ending of the annotations' file
};

// The kept beats of one record, in time order.
struct RecordBeats {
  std::string name;  // of the record
  std::string lead;  // that they are cut from
  // (n, row_width(unit)), in `unit`. Samples in mV are multiples of 1/gain of a few bits' width:
  // float holds them to 6e-8, far below the amplifier's noise and the rounding of the float model
  // that reads them.
  std::vector<float> beats;
  BeatUnit unit = BeatUnit::millivolts;  // as beats are cut; measure_in() gives them another
  // (187) what measure_in() subtracted from each beat; empty but in the unit `deviation`.
  std::vector<float> typical;
  std::vector<std::int32_t> labels;     // (n) classes of the label map
  std::vector<char> symbols;            // (n) annotation symbols
  std::vector<std::int64_t> r_samples;  // (n) positions of R in the record, at its own rate
  // (n, beat_features), of data/beat_features.h; empty where they are not known.
  std::vector<float> features;
  BeatWaves waves;                    // empty where they are not known or were not read
  double frequency = beat_frequency;  // Hz, of the record: what r_samples count
  // Left out when they were cut; 0 when read from a store.
  std::int64_t unmeasured = 0;         // beats with a sample in their window that was not measured
  std::int64_t repeated = 0;           // annotations of a beat that another one marks
  std::int64_t missed = 0, extra = 0;  // as in MovedMarks

  std::int64_t size() const { return std::ssize(labels); }
  std::span<const float> beat(std::int64_t i) const {
    return BeatSpan{beats, unit}.part(i, 1).samples;
  }
};

// Fails unless the frequency is in that range. `where` opens the text: the file.
void check_frequency(double frequency, const std::string& where);

// Cuts the beats, in mV, out of a signal in mV at 360 Hz, NaN where not measured. The annotations
// must lie inside the signal and be in time order. Features and waves stay empty.
RecordBeats cut_beats(std::string name, std::span<const float> signal,
                      std::span<const WfdbAnnotation> annotations, const LabelMap& map);

// The name of the file with a record's annotations: "100.atr". Errors: an annotator that is no part
// of a file's name.
std::string annotation_file(const std::string& record, const std::string& annotator);

// The lead that features are measured in beside lead number `first`: the first other one of a
// voltage with a frequency in that range. None where there is none.
std::optional<std::size_t> second_lead(const Recording& recording, std::size_t first);

// Reads a lead and the annotations of record `name` in `database` and cuts its beats, where the
// marks say; and measures their features, with those of the second lead. Intervals are those of all
// its beats, also of such as are left out at the ends or beside gaps. Errors (see data/recording.h
// and the reader of annotations), and: an annotation beyond the lead; those of check_frequency();
// fewer than three beats; a second lead that cannot be read.
RecordBeats read_record_beats(const std::filesystem::path& database, const std::string& name,
                              const LabelMap& map, const BeatOptions& options = {});

}  // namespace ekgine
