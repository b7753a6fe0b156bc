#include "data/recording.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/option_error.h"
#include "base/regular_file.h"
#include "data/text_lines.h"
#include "data/voltage.h"
#include "data/wfdb_signal.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

// ---- Names of leads.

bool same_but_for_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool starts_but_for_case(std::string_view text, std::string_view start) {
  return same_but_for_case(text.substr(0, start.size()), start);
}

// "II" of "ECG lead II" and "EKG_II": the name without words that say what all leads are.
std::string_view essential(std::string_view name) {
  for (const std::string_view word : {"ECG", "EKG", "lead"}) {
    if (name.size() > word.size() && starts_but_for_case(name, word) &&
        std::string_view(" _-").find(name[word.size()]) != std::string_view::npos) {
      name.remove_prefix(word.size() + 1);
    }
  }
  return name;
}

template <class Test>
std::optional<std::size_t> first_lead(const Recording& recording, Test test) {
  const auto found = std::ranges::find_if(recording.leads, test);
  if (found == recording.leads.end()) return {};
  return static_cast<std::size_t>(found - recording.leads.begin());
}

std::optional<std::size_t> lead_numbered(const Recording& recording, std::string_view text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  if (number >= recording.leads.size()) return {};
  return number;
}

std::string list_of(const std::vector<RecordingLead>& leads) {
  std::vector<std::string> names;
  names.reserve(leads.size());
  for (std::size_t i = 0; i < leads.size(); ++i) {
    std::string name = std::to_string(i);
    if (!leads[i].name.empty()) name += " " + leads[i].name;
    if (!leads[i].is_voltage) name += fmt::format(" in '{}'", excerpt(leads[i].units));
    names.push_back(std::move(name));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::size_t usual_lead(const Recording& recording) {
  for (const std::string_view name : {"MLII", "II"}) {
    const auto lead = first_lead(recording, [&](const RecordingLead& l) {
      return l.is_voltage && same_but_for_case(essential(l.name), name);
    });
    if (lead) return *lead;
  }
  const auto ecg = first_lead(recording, [](const RecordingLead& l) {
    return l.is_voltage &&
           (starts_but_for_case(l.name, "ECG") || starts_but_for_case(l.name, "EKG"));
  });
  if (ecg) return *ecg;
  const auto any = first_lead(recording, [](const RecordingLead& l) { return l.is_voltage; });
  if (any) return *any;
  fail("{}: has no lead of an ECG, in a unit of voltage (has {})", recording.path.string(),
       list_of(recording.leads));
}

// ---- Files.

// The first bytes of a file.
std::string beginning_of(const fs::path& path) {
  RegularFile file(path);
  std::string bytes(8, '\0');
  bytes.resize(file.read(bytes));
  return bytes;
}

bool has_ending(const fs::path& path, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(
      endings, [&](std::string_view e) { return same_but_for_case(path.extension().string(), e); });
}

// The file that a path means: itself, or with an ending; the header of a file of samples.
fs::path file_meant(const fs::path& path) {
  if (has_ending(path, {".dat", ".mat"})) {
    fs::path header = path;
    if (fs::exists(header.replace_extension(".hea"))) return header;
  }
  if (fs::is_regular_file(path)) return path;
  for (const char* ending : {".hea", ".edf", ".bdf", ".csv"}) {
    fs::path file = path;
    file += ending;
    if (fs::exists(file)) return file;
  }
  if (fs::exists(path) || path.has_extension()) return path;  // whose reader says what is wrong
  fail("{}: does not exist, nor with .hea, .edf, .bdf or .csv", path.string());
}

RecordingLead lead_of(std::string name, double frequency, std::string units) {
  const bool is_voltage = millivolts_per(units).has_value();
  return {.name = std::move(name),
          .frequency = frequency,
          .units = std::move(units),
          .is_voltage = is_voltage};
}

void open_wfdb(Recording& recording) {
  WfdbHeader header = read_wfdb_header(recording.path);
  const double frequency = header.sampling_frequency;
  const auto add_leads = [&](const std::vector<WfdbSignal>& signals) {
    for (const WfdbSignal& s : signals) {
      recording.leads.push_back(lead_of(s.description, frequency * s.samples_per_frame, s.units));
      recording.leads.back().samples_per_frame = s.samples_per_frame;
    }
  };
  if (header.segments.empty()) {
    add_leads(header.signals);
    recording.content = std::move(header);
  } else {
    WfdbSegments segments = read_wfdb_segments(std::move(header));
    add_leads(segments.signals);
    recording.content = std::move(segments);
  }
}

void open_edf(Recording& recording) {
  EdfHeader header = read_edf_header(recording.path);
  for (std::size_t i = 0; i < header.signals.size(); ++i) {
    const EdfSignal& s = header.signals[i];
    recording.leads.push_back(lead_of(s.label, header.frequency(i), s.units));
    if (s.annotations) recording.leads.back().is_voltage = false;
  }
  recording.content = std::move(header);
}

void open_table(Recording& recording, double rate) {
  SampleTable table = read_sample_table(recording.path, rate);
  for (const TableColumn& column : table.columns) {
    recording.leads.push_back(lead_of(column.name, table.rate, column.units));
  }
  recording.content = std::move(table);
}

}  // namespace

Recording open_recording(const fs::path& path, const RecordingOptions& options) {
  Recording recording{.path = file_meant(path), .name = {}, .leads = {}, .content = {}};
  const std::string file = recording.path.string();
  recording.name = recording.path.stem().string();
  const bool is_header = has_ending(recording.path, {".hea"});
  if (!is_header && !is_edf(beginning_of(recording.path))) {
    if (!has_ending(recording.path, {".csv", ".tsv", ".txt"})) {
      fail("{}: is no recording that is known (a header of WFDB, EDF, BDF, CSV)", file);
    }
    open_table(recording, options.rate);
    return recording;
  }
  if (options.rate != 0) {
    fail_option({"rate"}, "{}: says its rate itself; one is given for tables alone", file);
  }
  if (is_header) {
    open_wfdb(recording);
  } else {
    open_edf(recording);
  }
  if (recording.leads.empty()) fail("{}: has no signals", file);
  return recording;
}

std::size_t choose_lead(const Recording& recording, const std::string& wanted) {
  if (wanted.empty()) return usual_lead(recording);
  const auto named = first_lead(
      recording, [&](const RecordingLead& l) { return same_but_for_case(l.name, wanted); });
  if (named) return *named;
  if (const auto lead = lead_numbered(recording, wanted)) return *lead;
  const auto nearly = first_lead(recording, [&](const RecordingLead& l) {
    return same_but_for_case(essential(l.name), wanted);
  });
  if (nearly) return *nearly;
  fail_option({"lead"}, "{}: has no lead {} (has {})", recording.path.string(), excerpt(wanted),
              list_of(recording.leads));
}

std::vector<float> read_lead(const Recording& recording, std::size_t lead) {
  struct Reader {
    std::size_t lead;
    std::vector<float> operator()(const WfdbHeader& h) const {
      return read_wfdb_millivolts(h, lead);
    }
    std::vector<float> operator()(const WfdbSegments& s) const {
      return read_wfdb_millivolts(s, lead);
    }
    std::vector<float> operator()(const EdfHeader& h) const { return read_edf_millivolts(h, lead); }
    std::vector<float> operator()(const SampleTable& t) const {
      return read_table_millivolts(t, lead);
    }
  };
  return std::visit(Reader{lead}, recording.content);
}

}  // namespace ekgine
