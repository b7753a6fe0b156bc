#include "classification/findings.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "data/labels.h"

namespace ekgine {

namespace {

constexpr double hour_s = 3600;

const LabelledBeat& beat_at(const LabelledRecording& recording, std::int64_t beat) {
  return recording.beats[static_cast<std::size_t>(beat)];
}

double seconds_at(const LabelledRecording& recording, std::int64_t beat) {
  return static_cast<double>(beat_at(recording, beat).sample) / recording.frequency;
}

double duration_of(const LabelledRecording& recording, Stretch stretch) {
  return static_cast<double>(stretch.end - stretch.begin) / recording.frequency;
}

// Samples that are readable in a stretch of the recording.
std::int64_t readable_in(const LabelledRecording& recording, Stretch within) {
  std::int64_t readable = within.end - within.begin;
  for (const Stretch& gap : recording.unreadable) {
    readable -= std::max<std::int64_t>(
        0, std::min(gap.end, within.end) - std::max(gap.begin, within.begin));
  }
  return readable;
}

// The heart rate over beats first … end − 1: extremes and mean of the intervals after them.
HeartRate rate_over(const LabelledRecording& recording, std::span<const double> intervals,
                    std::size_t first, std::size_t end) {
  HeartRate rate;
  double sum = 0;
  std::int64_t known = 0, in_row = 0;
  // The intervals of a window that begins at the last of these beats reach past them.
  const std::size_t last = std::min(intervals.size(), end + rate_intervals);
  for (std::size_t i = first + 1; i < last; ++i) {
    if (std::isnan(intervals[i])) {
      in_row = 0;
      continue;
    }
    if (i <= end) {
      sum += intervals[i];
      ++known;
    }
    if (++in_row < rate_intervals) continue;
    const std::size_t begin = i - rate_intervals;
    const std::int64_t samples = recording.beats[i].sample - recording.beats[begin].sample;
    if (samples <= 0) continue;  // beats at one place have no rate
    const RateAt now = {
        .rate = 60 * rate_intervals * recording.frequency / static_cast<double>(samples),
        .first_beat = static_cast<std::int64_t>(begin),
        .beats = rate_intervals + 1};
    if (!rate.lowest || now.rate < rate.lowest->rate) rate.lowest = now;
    if (!rate.highest || now.rate > rate.highest->rate) rate.highest = now;
  }
  if (known > 0 && sum > 0) rate.mean = 60 * static_cast<double>(known) / sum;
  return rate;
}

Ectopics ectopics_of(const LabelledRecording& recording, std::span<const double> intervals,
                     std::int32_t label) {
  Ectopics found;
  const std::size_t n = recording.beats.size();
  for (std::size_t i = 0; i < n;) {
    if (recording.beats[i].label != label) {
      ++i;
      continue;
    }
    const std::size_t first = i++;
    double sum = 0;
    while (i < n && recording.beats[i].label == label && !std::isnan(intervals[i])) {
      sum += intervals[i++];
    }
    const auto beats = static_cast<std::int64_t>(i - first);
    const auto at = static_cast<std::int64_t>(first);
    if (beats == 1) found.singles.push_back(at);
    if (beats == 2) found.couplets.push_back(at);
    if (beats < 3 || !(sum > 0)) continue;
    found.runs.push_back(
        {.rate = 60 * static_cast<double>(beats - 1) / sum, .first_beat = at, .beats = beats});
  }
  if (!found.runs.empty()) {
    const auto place = [&](auto member) {
      return static_cast<std::size_t>(std::ranges::max_element(found.runs, {}, member) -
                                      found.runs.begin());
    };
    found.longest = place(&RateAt::beats);
    found.fastest = place(&RateAt::rate);
  }
  return found;
}

// The n-th hour's beats are those from hour_begin(n) on, before hour_begin(n + 1).
std::int64_t hour_begin(const LabelledRecording& recording, std::size_t hour) {
  return std::llround(static_cast<double>(hour) * hour_s * recording.frequency);
}

std::vector<HourFindings> hours_of(const LabelledRecording& recording,
                                   std::span<const double> intervals) {
  std::vector<HourFindings> hours;
  std::size_t end = 0;
  for (std::size_t h = 0; hour_begin(recording, h) < recording.samples; ++h) {
    HourFindings hour;
    const Stretch samples = {hour_begin(recording, h),
                             std::min(hour_begin(recording, h + 1), recording.samples)};
    hour.readable_s = static_cast<double>(readable_in(recording, samples)) / recording.frequency;
    const std::size_t first = end;
    while (end < recording.beats.size() && recording.beats[end].sample < samples.end) {
      ++hour.beats[static_cast<std::size_t>(recording.beats[end++].label)];
    }
    if (end > first) hour.rate = rate_over(recording, intervals, first, end);
    hours.push_back(hour);
  }
  return hours;
}

void count_by_hour(const LabelledRecording& recording, Findings& findings) {
  const auto hour_of = [&](std::int64_t beat) -> HourFindings& {
    std::size_t h = static_cast<std::size_t>(seconds_at(recording, beat) / hour_s);
    return findings.hours[std::min(h, findings.hours.size() - 1)];
  };
  for (const std::int64_t b : findings.supraventricular.couplets) ++hour_of(b).couplets_s;
  for (const std::int64_t b : findings.ventricular.couplets) ++hour_of(b).couplets_v;
  for (const RateAt& run : findings.supraventricular.runs) ++hour_of(run.first_beat).runs_s;
  for (const RateAt& run : findings.ventricular.runs) ++hour_of(run.first_beat).runs_v;
  for (const Pause& pause : findings.pauses) ++hour_of(pause.first_beat).pauses;
}

// ---- JSON.

Json counts_json(const BeatCounts& counts) {
  Json json = Json::object();
  for (std::size_t c = 0; c < class_names.size(); ++c) {
    json[std::string(class_names[c])] = counts[c];
  }
  return json;
}

Json rate_json(const LabelledRecording& recording, const std::optional<RateAt>& rate) {
  if (!rate) return nullptr;
  Json json = Json::object();
  json["rate"] = rate->rate;
  json["at"] = seconds_at(recording, rate->first_beat);
  json["beats"] = rate->beats;
  return json;
}

Json heart_rate_json(const LabelledRecording& recording, const HeartRate& rate) {
  Json json = Json::object();
  json["mean"] = rate.mean ? Json(*rate.mean) : Json(nullptr);
  json["lowest"] = rate_json(recording, rate.lowest);
  json["highest"] = rate_json(recording, rate.highest);
  return json;
}

Json ectopics_json(const LabelledRecording& recording, const Ectopics& ectopics) {
  Json json = Json::object();
  json["singles"] = ectopics.singles.size();
  json["couplets"] = ectopics.couplets.size();
  const auto run = [&](const std::optional<std::size_t>& at) {
    return rate_json(recording, at ? std::optional(ectopics.runs[*at]) : std::nullopt);
  };
  json["longest_run"] = run(ectopics.longest);
  json["fastest_run"] = run(ectopics.fastest);
  json["runs"] = Json::array();
  for (const RateAt& each : ectopics.runs) json["runs"].push_back(rate_json(recording, each));
  return json;
}

Json rhythms_json(const LabelledRecording& recording, const Findings& findings) {
  Json json = Json::array();
  for (const RhythmStretch& stretch : findings.rhythms) {
    Json& each = json.push_back(Json::object());
    each["rhythm"] = rhythm_text(stretch.rhythm);
    each["meaning"] = rhythm_description(stretch.rhythm);
    each["at"] = seconds_at(recording, stretch.first_beat);
    each["seconds"] = duration_of(recording, stretch.samples);
    each["beats"] = stretch.beats;
  }
  return json;
}

Json hours_json(const LabelledRecording& recording, const Findings& findings) {
  Json json = Json::array();
  for (const HourFindings& hour : findings.hours) {
    Json& each = json.push_back(Json::object());
    each["readable_s"] = hour.readable_s;
    each["beats"] = counts_json(hour.beats);
    each["heart_rate"] = heart_rate_json(recording, hour.rate);
    each["supraventricular_couplets"] = hour.couplets_s;
    each["supraventricular_runs"] = hour.runs_s;
    each["ventricular_couplets"] = hour.couplets_v;
    each["ventricular_runs"] = hour.runs_v;
    each["pauses"] = hour.pauses;
  }
  return json;
}

}  // namespace

Findings find_findings(const LabelledRecording& recording) {
  Findings findings;
  findings.duration_s = static_cast<double>(recording.samples) / recording.frequency;
  findings.readable_s =
      static_cast<double>(readable_in(recording, {0, recording.samples})) / recording.frequency;
  const std::vector<double> intervals = rr_intervals(recording);
  for (const LabelledBeat& beat : recording.beats) {
    ++findings.beats[static_cast<std::size_t>(beat.label)];
  }
  if (!intervals.empty()) findings.rate = rate_over(recording, intervals, 0, intervals.size());
  findings.supraventricular = ectopics_of(recording, intervals, class_s);
  findings.ventricular = ectopics_of(recording, intervals, class_v);
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    if (!(intervals[i] >= pause_limits_s[0])) continue;
    findings.pauses.push_back({intervals[i], static_cast<std::int64_t>(i) - 1});
  }
  findings.rhythms = rhythm_stretches(recording);
  findings.hours = hours_of(recording, intervals);
  count_by_hour(recording, findings);
  return findings;
}

std::int64_t count_pauses(const Findings& findings, double least) {
  return std::ranges::count_if(findings.pauses,
                               [&](const Pause& pause) { return pause.seconds >= least; });
}

RhythmTotal rhythm_total(const Findings& findings, Rhythm rhythm, double frequency) {
  RhythmTotal total;
  for (const RhythmStretch& stretch : findings.rhythms) {
    if (stretch.rhythm != rhythm) continue;
    const double seconds =
        static_cast<double>(stretch.samples.end - stretch.samples.begin) / frequency;
    ++total.stretches;
    total.seconds += seconds;
    total.longest_s = std::max(total.longest_s, seconds);
  }
  return total;
}

Json findings_json(const LabelledRecording& recording, const Findings& findings) {
  Json json = Json::object();
  json["duration_s"] = findings.duration_s;
  json["readable_s"] = findings.readable_s;
  json["beats"] = counts_json(findings.beats);
  json["left_out"] = recording.left_out;
  json["heart_rate"] = heart_rate_json(recording, findings.rate);
  json["supraventricular"] = ectopics_json(recording, findings.supraventricular);
  json["ventricular"] = ectopics_json(recording, findings.ventricular);
  json["pauses"] = Json::array();
  for (const Pause& pause : findings.pauses) {
    Json& each = json["pauses"].push_back(Json::object());
    each["at"] = seconds_at(recording, pause.first_beat);
    each["seconds"] = pause.seconds;
  }
  json["rhythms"] = rhythms_json(recording, findings);
  json["hours"] = hours_json(recording, findings);
  return json;
}

}  // namespace ekgine
