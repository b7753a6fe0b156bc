#include "data/wfdb_record.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "data/checksums.h"
#include "data/wfdb_signal.h"

namespace ekgine {

namespace {

constexpr const char* gap_name = "~";

std::string place_of(const WfdbHeader& header, const WfdbSegmentLine& line) {
  return fmt::format("{}:{}", header.path.string(), line.line);
}

WfdbHeader header_of(const WfdbHeader& record, const WfdbSegmentLine& line) {
  check_inside(line.name, place_of(record, line));
  WfdbHeader header = read_wfdb_header(record.path.parent_path() / (line.name + ".hea"));
  const std::string file = header.path.string();
  if (!header.segments.empty()) {
    fail("{}: is a segment of {} and has segments itself, expected signals", file,
         record.path.string());
  }
  if (header.sampling_frequency != record.sampling_frequency) {
    fail("{}: the sampling frequency is {} Hz, expected that of {}, {} Hz", file,
         header.sampling_frequency, record.path.string(), record.sampling_frequency);
  }
  if (header.samples && *header.samples < line.samples) {
    fail("{}: has {} samples, {} says {}", file, *header.samples, place_of(record, line),
         line.samples);
  }
  return header;
}

void check_number_of_signals(const WfdbHeader& record, const WfdbHeader& segment) {
  if (std::ssize(segment.signals) != record.announced_signals) {
    fail("{}: has {} signals, {} says {}", segment.path.string(), segment.signals.size(),
         record.path.string(), record.announced_signals);
  }
}

std::int64_t length_of_segments(const WfdbHeader& header) {
  std::int64_t length = 0;
  for (const WfdbSegmentLine& line : header.segments) {
    length += line.samples;
    if (length > most_lead_samples) {
      fail("{}: the segments have more than the {} samples that can be read", header.path.string(),
           most_lead_samples);
    }
  }
  if (header.samples && *header.samples != length) {
    fail("{}: the segments have {} samples, the record {}", header.path.string(), length,
         *header.samples);
  }
  return length;
}

// The signal of a segment that continues signal `wanted` of the record, if it has one.
std::optional<std::size_t> signal_of(const WfdbSegments& record, const WfdbHeader& segment,
                                     std::size_t wanted) {
  if (!record.by_name) return wanted;
  const auto found = std::ranges::find(segment.signals, record.signals[wanted].description,
                                       &WfdbSignal::description);
  if (found == segment.signals.end()) return {};
  return static_cast<std::size_t>(found - segment.signals.begin());
}

// Fails unless the segment has the samples that are listed, in a file of that size.
void check_length(const WfdbHeader& segment, std::size_t signal, int per_frame,
                  std::int64_t samples) {
  const WfdbSignal& found = segment.signals[signal];
  if (found.samples_per_frame != per_frame) {
    fail("{}:{}: a frame has {} samples of signal {}, expected {} as in the segments before",
         segment.path.string(), found.line, found.samples_per_frame, found.description, per_frame);
  }
  const std::int64_t held = count_wfdb_samples(segment, signal);
  if (held < samples) {
    fail("{}: signal {} has {} samples, expected {}", segment.path.string(), found.description,
         held, samples);
  }
}

}  // namespace

WfdbSegments read_wfdb_segments(WfdbHeader header) {
  length_of_segments(header);
  WfdbSegments record{.header = std::move(header), .signals = {}, .segments = {}};
  const std::vector<WfdbSegmentLine>& lines = record.header.segments;
  record.by_name = lines.front().samples == 0 && lines.front().name != gap_name;
  for (const WfdbSegmentLine& line : lines) {
    WfdbSegment segment{.samples = line.samples, .header = {}};
    if (line.name != gap_name) segment.header = header_of(record.header, line);
    if (segment.header && (&line == &lines.front() || !record.by_name)) {
      check_number_of_signals(record.header, *segment.header);
      if (record.signals.empty()) record.signals = segment.header->signals;
    }
    if (line.samples > 0) record.segments.push_back(std::move(segment));
  }
  return record;
}

std::vector<float> read_wfdb_millivolts(const WfdbSegments& record, std::size_t signal) {
  if (signal >= record.signals.size()) {
    fail("{}: signal {} is missing, the record has {}", record.header.path.string(), signal,
         record.signals.size());
  }
  const int per_frame = record.signals[signal].samples_per_frame;
  if (per_frame < 1 || length_of_segments(record.header) > most_lead_samples / per_frame) {
    fail("{}: a signal of {} samples per frame cannot be read", record.header.path.string(),
         per_frame);
  }
  // All sizes are looked at before memory is taken.
  std::int64_t length = 0;
  std::int64_t gaps = 0;
  for (const WfdbSegment& segment : record.segments) {
    const std::int64_t samples = segment.samples * per_frame;
    length += samples;
    const auto found = segment.header ? signal_of(record, *segment.header, signal) : std::nullopt;
    if (found) {
      check_length(*segment.header, *found, per_frame, samples);
    } else {
      gaps += samples;
    }
  }
  if (gaps > most_gap_samples) {
    fail("{}: {} samples of signal {} were not measured, more than the {} that can be read",
         record.header.path.string(), gaps, record.signals[signal].description, most_gap_samples);
  }
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(length));
  for (const WfdbSegment& segment : record.segments) {
    const auto count = static_cast<std::size_t>(segment.samples * per_frame);
    const auto found = segment.header ? signal_of(record, *segment.header, signal) : std::nullopt;
    if (found) {
      std::vector<float> part = read_wfdb_millivolts(*segment.header, *found);
      values.insert(values.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(count));
    } else {
      values.insert(values.end(), count, std::numeric_limits<float>::quiet_NaN());
    }
  }
  return values;
}

}  // namespace ekgine
