#include "data/recording.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "data/wfdb_signal.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

bool same_but_for_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::optional<std::size_t> lead_named(const Recording& recording, std::string_view name) {
  const auto found = std::ranges::find_if(recording.leads, [&](const RecordingLead& lead) {
    return same_but_for_case(lead.name, name);
  });
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
    names.push_back(leads[i].name.empty() ? fmt::format("{}", i)
                                          : fmt::format("{} {}", i, leads[i].name));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

Recording open_recording(const fs::path& path) {
  fs::path header = path;
  if (header.extension() != ".hea") header += ".hea";
  Recording recording{.path = header,
                      .name = header.stem().string(),
                      .leads = {},
                      .header = read_wfdb_header(header)};
  for (const WfdbSignal& signal : recording.header.signals) {
    recording.leads.push_back(
        {.name = signal.description,
         .frequency = recording.header.sampling_frequency * signal.samples_per_frame});
  }
  if (recording.leads.empty()) fail("{}: has no signals", header.string());
  return recording;
}

std::size_t choose_lead(const Recording& recording, const std::string& wanted) {
  if (wanted.empty()) {
    for (const std::string_view name : {"MLII", "II"}) {
      if (const auto lead = lead_named(recording, name)) return *lead;
    }
    return 0;
  }
  if (const auto lead = lead_named(recording, wanted)) return *lead;
  if (const auto lead = lead_numbered(recording, wanted)) return *lead;
  fail("{}: has no lead {} (has {})", recording.path.string(), wanted, list_of(recording.leads));
}

std::vector<float> read_lead(const Recording& recording, std::size_t lead) {
  return read_wfdb_millivolts(recording.header, lead);
}

}  // namespace ekgine
