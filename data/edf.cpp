#include "data/edf.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>

#include "base/console.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/regular_file.h"
#include "data/text_lines.h"
#include "data/voltage.h"
#include "data/wfdb_signal.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view edf_start = "0       ";
constexpr std::string_view bdf_start =
    "\xFF"
    "BIOSEMI";
constexpr std::string_view padding(" \0", 2);    // of fields
constexpr std::int64_t fixed_bytes = 256;        // of the header, and as many per signal
constexpr std::int64_t most_edf_signals = 9999;  // what its field holds

// The fields of a header, one after another.
class Fields {
 public:
  Fields(const fs::path& path, std::string_view text) : path_(path.string()), text_(text) {}

  std::string_view take(std::size_t width) {
    const std::string_view field = text_.substr(0, width);
    text_.remove_prefix(field.size());
    return trimmed(field, padding);
  }

  double number(std::size_t width, const char* what) {
    const std::string_view field = take(width);
    const std::string_view digits = field.starts_with('+') ? field.substr(1) : field;
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value)) {
      fail("{}: the {} is '{}', expected a number", path_, what, excerpt(field));
    }
    return value;
  }

  std::int64_t count(std::size_t width, const char* what, std::int64_t least, std::int64_t most) {
    const double value = number(width, what);
    if (value != std::floor(value) || value < static_cast<double>(least) ||
        value > static_cast<double>(most)) {
      fail("{}: the {} is {}, expected {} to {}", path_, what, value, least, most);
    }
    return static_cast<std::int64_t>(value);
  }

 private:
  std::string path_;
  std::string_view text_;
};

std::string read_bytes(RegularFile& file, const fs::path& path, std::int64_t count) {
  std::string bytes(static_cast<std::size_t>(count), '\0');
  if (file.size() < count || std::ssize(bytes) != static_cast<std::ptrdiff_t>(file.read(bytes))) {
    fail("{}: truncated: {} bytes, expected a header of EDF, {} or more", path.string(),
         file.size(), count);
  }
  return bytes;
}

// The fields of signals: all labels, all transducers, and so on.
void read_signal_fields(Fields& fields, EdfHeader& header) {
  const auto each = [&](auto read) {
    for (EdfSignal& signal : header.signals) read(signal);
  };
  each([&](EdfSignal& s) { s.label = utf8(fields.take(16)); });
  each([&](EdfSignal&) { fields.take(80); });  // transducer
  each([&](EdfSignal& s) { s.units = utf8(fields.take(8)); });
  each([&](EdfSignal& s) { s.physical_minimum = fields.number(8, "physical minimum"); });
  each([&](EdfSignal& s) { s.physical_maximum = fields.number(8, "physical maximum"); });
  each([&](EdfSignal& s) { s.digital_minimum = fields.number(8, "digital minimum"); });
  each([&](EdfSignal& s) { s.digital_maximum = fields.number(8, "digital maximum"); });
  each([&](EdfSignal&) { fields.take(80); });  // filters
  each([&](EdfSignal& s) {
    s.samples = fields.count(8, "number of samples in a record", 0, 99'999'999);
  });
  std::int64_t begin = 0;
  for (EdfSignal& signal : header.signals) {
    signal.annotations = signal.label == "EDF Annotations" || signal.label == "BDF Annotations";
    signal.begin = begin;
    begin += signal.samples * header.sample_bytes;
  }
}

// How many records there are; `announced`: -1 where the header does not say.
std::int64_t records_of(const EdfHeader& header, std::int64_t announced, std::int64_t size) {
  const std::string name = header.path.string();
  const std::int64_t record = header.record_bytes();
  if (record == 0) fail("{}: a record has no samples", name);
  const std::int64_t records = announced < 0 ? (size - header.bytes) / record : announced;
  // Eight digits of records and of samples, four of signals: no overflow.
  const std::int64_t expected = header.bytes + records * record;
  if (records == 0) fail("{}: holds no samples", name);
  if (size < expected || (announced >= 0 && size > expected)) {
    fail("{}: {}: {} bytes, expected {} ({} records of {} bytes, says its header)", name,
         size < expected ? "truncated" : "too long", size, expected, records, record);
  }
  return records;
}

// The seconds at which a record begins, by the first of its texts: "+12.5\x14\x14...".
double onset_of(const EdfHeader& header, std::int64_t record, std::string_view texts) {
  const std::string_view field = texts.substr(0, texts.find('\x14'));
  const std::string_view digits = field.starts_with('+') ? field.substr(1) : field;
  double onset = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), onset);
  if (field.size() == texts.size() || digits.empty() || error != std::errc() ||
      end != digits.data() + digits.size() || !std::isfinite(onset)) {
    fail(
        "{}: record {} does not say when it begins, expected a number at the start of its "
        "annotations",
        header.path.string(), record);
  }
  return onset;
}

std::int32_t sample_at(const unsigned char* b, int bytes) {
  const std::uint32_t low = b[0] | static_cast<std::uint32_t>(b[1]) << 8;
  if (bytes == 2) return static_cast<std::int16_t>(low);
  return static_cast<std::int32_t>((low | static_cast<std::uint32_t>(b[2]) << 16) << 8) >> 8;
}

// A part of every record, in bytes, and what it holds in the one that was read last.
struct RecordPart {
  std::int64_t begin = 0;
  std::string bytes;

  static RecordPart of(const EdfHeader& header, const EdfSignal& signal) {
    return {
        .begin = signal.begin,
        .bytes = std::string(static_cast<std::size_t>(signal.samples * header.sample_bytes), '\0')};
  }
};

// Reads the parts of all records, in their order in the file; `take` is called after each record.
template <class Take>
void read_records(const EdfHeader& header, std::span<RecordPart* const> parts, Take take) {
  RegularFile file(header.path);
  records_of(header, header.records, file.size());  // it may be another one by now
  file.skip(header.bytes);
  for (std::int64_t record = 0; record < header.records; ++record) {
    if (record % 1024 == 0) throw_if_interrupted();
    std::int64_t at = 0;
    for (RecordPart* part : parts) {
      file.skip(part->begin - at);
      file.read(part->bytes);
      at = part->begin + std::ssize(part->bytes);
    }
    file.skip(header.record_bytes() - at);
    take(record);
  }
}

void check_signal(const EdfHeader& header, std::size_t signal) {
  const std::string name = header.path.string();
  if (signal >= header.signals.size()) {
    fail("{}: signal {} is missing, the recording has {}", name, signal, header.signals.size());
  }
  if (header.signals[signal].samples == 0) {
    fail("{}: signal {} has no samples", name, header.signals[signal].label);
  }
  if (header.records > most_lead_samples / header.signals[signal].samples) {
    fail("{}: signal {} has more than the {} samples that can be read", name,
         header.signals[signal].label, most_lead_samples);
  }
}

// Digital values as millivolts.
class Scale {
 public:
  Scale(const EdfHeader& header, const EdfSignal& signal) : signal_(signal) {
    const std::optional<double> unit = millivolts_per(signal.units);
    if (!unit || signal.annotations) {
      fail("{}: the units of signal {} are '{}', expected a voltage (mV, uV, nV, V)",
           header.path.string(), signal.label, signal.units);
    }
    unit_ = *unit;
    step_ = (signal.physical_maximum - signal.physical_minimum) /
            (signal.digital_maximum - signal.digital_minimum);
    if (!std::isfinite(step_) || step_ == 0) {
      fail("{}: signal {} goes from {} to {} {} as {} to {}, expected ranges of some width",
           header.path.string(), signal.label, signal.physical_minimum, signal.physical_maximum,
           signal.units, signal.digital_minimum, signal.digital_maximum);
    }
  }

  float of(std::int32_t sample) const {
    return static_cast<float>(
        (signal_.physical_minimum + (sample - signal_.digital_minimum) * step_) * unit_);
  }

 private:
  const EdfSignal& signal_;
  double unit_ = 1, step_ = 1;
};

}  // namespace

std::int64_t EdfHeader::record_bytes() const {
  return signals.empty() ? 0 : signals.back().begin + signals.back().samples * sample_bytes;
}

double EdfHeader::frequency(std::size_t signal) const {
  return duration > 0 ? static_cast<double>(signals[signal].samples) / duration : 0;
}

bool is_edf(std::string_view beginning) {
  return beginning.starts_with(edf_start) || beginning.starts_with(bdf_start);
}

EdfHeader read_edf_header(const fs::path& path) {
  RegularFile file(path);
  const std::string start = read_bytes(file, path, fixed_bytes);
  if (!is_edf(start)) fail("{}: does not begin as EDF or BDF does", path.string());
  EdfHeader header{.path = path, .signals = {}};
  header.sample_bytes = start.starts_with(bdf_start) ? 3 : 2;
  Fields fields(path, start);
  fields.take(184);  // version, patient, recording, date, time
  header.bytes = fields.count(8, "number of bytes of the header", fixed_bytes,
                              fixed_bytes * (1 + most_edf_signals));
  const std::string_view kind = fields.take(44);
  header.discontinuous = kind.starts_with("EDF+D") || kind.starts_with("BDF+D");
  const std::int64_t records = fields.count(8, "number of records", -1, 99'999'999);
  header.duration = fields.number(8, "duration of a record");
  if (header.duration < 0) {
    fail("{}: the duration of a record is {} s, expected 0 or more", path.string(),
         header.duration);
  }
  const std::int64_t signals = fields.count(4, "number of signals", 1, most_edf_signals);
  if (header.bytes != fixed_bytes * (1 + signals)) {
    fail("{}: the header has {} bytes, expected {} for {} signals", path.string(), header.bytes,
         fixed_bytes * (1 + signals), signals);
  }
  header.signals.resize(static_cast<std::size_t>(signals));
  const std::string rest = read_bytes(file, path, header.bytes - fixed_bytes);
  Fields signal_fields(path, rest);
  read_signal_fields(signal_fields, header);
  header.records = records_of(header, records, file.size());
  return header;
}

std::vector<std::int32_t> read_edf_samples(const EdfHeader& header, std::size_t signal) {
  check_signal(header, signal);
  const EdfSignal& wanted = header.signals[signal];
  RecordPart part = RecordPart::of(header, wanted);
  std::vector<std::int32_t> samples;
  samples.reserve(static_cast<std::size_t>(header.records * wanted.samples));
  const std::array<RecordPart*, 1> parts = {&part};
  read_records(header, parts, [&](std::int64_t) {
    const auto* b = reinterpret_cast<const unsigned char*>(part.bytes.data());
    for (std::int64_t i = 0; i < wanted.samples; ++i) {
      samples.push_back(sample_at(b + i * header.sample_bytes, header.sample_bytes));
    }
  });
  return samples;
}

std::vector<float> read_edf_millivolts(const EdfHeader& header, std::size_t signal) {
  check_signal(header, signal);
  const EdfSignal& wanted = header.signals[signal];
  const Scale scale(header, wanted);
  RecordPart part = RecordPart::of(header, wanted);
  std::vector<RecordPart*> parts = {&part};
  RecordPart texts;
  if (header.discontinuous) {
    const auto found = std::ranges::find(header.signals, true, &EdfSignal::annotations);
    if (found == header.signals.end()) {
      fail("{}: is discontinuous and has no annotations, expected them to say when records begin",
           header.path.string());
    }
    texts = RecordPart::of(header, *found);
    parts.insert(texts.begin < part.begin ? parts.begin() : parts.end(), &texts);
  }
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(header.records * wanted.samples));
  double first_onset = 0;
  std::int64_t gaps = 0;
  read_records(header, parts, [&](std::int64_t record) {
    if (header.discontinuous) {
      const double onset = onset_of(header, record, texts.bytes);
      if (record == 0) first_onset = onset;
      const double at = std::round((onset - first_onset) * header.frequency(signal));
      const double gap = at - static_cast<double>(values.size());
      if (gap < 0 || gap > static_cast<double>(most_gap_samples - gaps)) {
        fail("{}: record {} begins at {} s, expected {} s or later, up to {} samples in gaps",
             header.path.string(), record, onset,
             first_onset + static_cast<double>(values.size()) / header.frequency(signal),
             most_gap_samples);
      }
      gaps += static_cast<std::int64_t>(gap);
      values.resize(static_cast<std::size_t>(at), std::numeric_limits<float>::quiet_NaN());
    }
    const auto* b = reinterpret_cast<const unsigned char*>(part.bytes.data());
    for (std::int64_t i = 0; i < wanted.samples; ++i) {
      values.push_back(scale.of(sample_at(b + i * header.sample_bytes, header.sample_bytes)));
    }
  });
  return values;
}

}  // namespace ekgine
