#include "classification/strip.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/labels.h"
#include "evaluation/colours.h"

namespace ekgine {

namespace {

// Lengths in SVG are hundredths of a mm: whole numbers are short and fine enough.
constexpr int mm = 100;
constexpr double mm_per_s = 25, mm_per_mv = 10;
constexpr int mark_width = 5 * mm;
constexpr int trace_width = static_cast<int>(strip_seconds * mm_per_s) * mm;
constexpr int head = 10 * mm;  // above the grid: classes and intervals
constexpr int least_height = 25 * mm, most_height = 60 * mm;

// Where a strip is and how its values are placed.
struct Frame {
  std::int64_t begin = 0, end = 0;  // samples
  double frequency = 0;
  double middle_mv = 0;  // at half height
  int height = 0;

  int x(std::int64_t sample) const {
    const double seconds = static_cast<double>(sample - begin) / frequency;
    return mark_width + static_cast<int>(std::lround(seconds * mm_per_s * mm));
  }
  int y(double mv) const {
    const double below = (middle_mv - mv) * mm_per_mv * mm + height / 2.0;
    return head + static_cast<int>(std::lround(std::clamp<double>(below, 0, height)));
  }
};

Frame frame_of(const LabelledRecording& recording, std::span<const float> signal,
               std::int64_t middle) {
  Frame frame;
  frame.frequency = recording.frequency;
  const std::int64_t length = std::llround(strip_seconds * recording.frequency);
  const std::int64_t latest = std::max<std::int64_t>(0, recording.samples - length);
  frame.begin = std::clamp<std::int64_t>(middle - length / 2, 0, latest);
  frame.end = std::min(recording.samples, frame.begin + length);
  std::vector<float> measured;
  for (std::int64_t i = frame.begin; i < frame.end; ++i) {
    const float value = signal[static_cast<std::size_t>(i)];
    if (std::isfinite(value)) measured.push_back(value);
  }
  double range = 0;
  if (!measured.empty()) {
    const auto [low, high] = std::ranges::minmax(measured);
    range = static_cast<double>(high) - low;
    frame.middle_mv = (static_cast<double>(high) + low) / 2;
    if (range * mm_per_mv * mm > most_height) {
      // What is cut off should be a spike, not the line that it starts from.
      const auto half = measured.begin() + std::ssize(measured) / 2;
      std::ranges::nth_element(measured, half);
      frame.middle_mv = *half;
    }
  }
  const double wanted = std::ceil(std::min((range * mm_per_mv + 4) / 5, 1e6)) * 5 * mm;
  frame.height = static_cast<int>(std::clamp<double>(wanted, least_height, most_height));
  return frame;
}

// Lines every `step` across the grid, up and down in one stroke each way.
void add_lines(Html& html, const char* name, const Frame& frame, int step) {
  constexpr int width = mark_width + trace_width;
  html.add("<path class={} d=\"M0 {}v{}", name, head, frame.height);
  for (int x = step, up = 1; x <= width; x += step, up = !up) {
    html.add("m{} 0v{}", step, up ? -frame.height : frame.height);
  }
  html.add("M0 {}h{}", head, width);
  for (int y = step, back = 1; y <= frame.height; y += step, back = !back) {
    html.add("m0 {}h{}", step, back ? -width : width);
  }
  html.raw("\"/>");
}

void add_mark(Html& html, const Frame& frame) {
  constexpr int one_mv = static_cast<int>(mm_per_mv) * mm;
  const int bottom = head + frame.height / 2 + one_mv / 2;
  html.add(
      "<path class=ecg d=\"M0 {}h50v-{}h400v{}h50\"/><text class=t x=30 y={} font-size=200>1 mV"
      "</text>",
      bottom, one_mv, one_mv, bottom - one_mv - 60);
}

void add_trace(Html& html, const Frame& frame, std::span<const float> signal) {
  html.raw("<path class=ecg d=\"");
  bool drawing = false;
  int x = 0, y = 0;
  for (std::int64_t i = frame.begin; i < frame.end; ++i) {
    const float value = signal[static_cast<std::size_t>(i)];
    if (!std::isfinite(value)) {
      drawing = false;
      continue;
    }
    const int next_x = frame.x(i), next_y = frame.y(value);
    if (!drawing) {
      html.add("M{} {}l0 0", next_x, next_y);
    } else {
      html.add("{}{}{}{}", next_x < x ? "" : " ", next_x - x, next_y < y ? "" : " ", next_y - y);
    }
    drawing = true;
    x = next_x;
    y = next_y;
  }
  html.raw("\"/>");
}

void add_unreadable(Html& html, const LabelledRecording& recording, const Frame& frame) {
  for (const Stretch& gap : recording.unreadable) {
    const std::int64_t begin = std::max(gap.begin, frame.begin), end = std::min(gap.end, frame.end);
    if (begin >= end) continue;
    html.add("<rect class=gap x={} y={} width={} height={}><title>unreadable</title></rect>",
             frame.x(begin), head, frame.x(end) - frame.x(begin), frame.height);
  }
}

void add_beat_labels(Html& html, const LabelledRecording& recording, const Frame& frame) {
  constexpr int narrow = 7 * mm;  // in which no interval is written
  const std::vector<double> intervals = rr_intervals(recording);
  const auto first =
      std::ranges::lower_bound(recording.beats, frame.begin, {}, &LabelledBeat::sample);
  for (auto beat = first; beat != recording.beats.end() && beat->sample < frame.end; ++beat) {
    const int x = frame.x(beat->sample);
    const auto label = static_cast<std::size_t>(beat->label);
    html.add(
        "<text class=c{} x={} y=360 font-size=360 font-weight=700 text-anchor=middle>{}</text>"
        "<path class=s{} d=\"M{} {}v150\"/>",
        label, x, class_names[label], label, x, head - 150);
    if (beat == first) continue;
    const double interval = intervals[static_cast<std::size_t>(beat - recording.beats.begin())];
    const int before = frame.x(std::prev(beat)->sample);
    if (!(interval > 0) || x - before < narrow) continue;
    html.add("<text class=t x={} y=800 font-size=240 text-anchor=middle>{:.0f}</text>",
             (x + before) / 2, 1000 * interval);
  }
}

// The colours of the classes, by the properties of evaluation/page_style.h.
constexpr const char* class_colours[] = {"--soft", "--m0", "--bad", "--m2", "--m3"};
static_assert(std::size(class_colours) == class_count);

std::string grid_colours(const PageColours& c) {
  return fmt::format(":root{{--fine:{};--bold:{}}}\n", hex(mixed(c.paper, c.bad, 0.13)),
                     hex(mixed(c.paper, c.bad, 0.34)));
}

}  // namespace

std::string strip_style() {
  std::string style = grid_colours(light_page) + "@media screen and (prefers-color-scheme:dark){" +
                      grid_colours(dark_page) + "}\n";
  for (std::size_t c = 0; c < std::size(class_colours); ++c) {
    style += fmt::format("svg .c{0}{{fill:var({1})}}svg .s{0}{{stroke:var({1});fill:none}}\n", c,
                         class_colours[c]);
  }
  return style + R"(.strip{margin:14px 0 0;break-inside:avoid}
.strip div{overflow-x:auto}
.strip p{margin:0 0 2px}
.strip svg{display:block;max-width:none}
.strip svg .s0,.strip svg .s1,.strip svg .s2,.strip svg .s3,.strip svg .s4{stroke-width:25}
.fine{stroke:var(--fine);stroke-width:8;fill:none}
.bold{stroke:var(--bold);stroke-width:12;fill:none}
.ecg{stroke:var(--ink);stroke-width:28;fill:none;stroke-linejoin:round}
.gap{fill:var(--line);opacity:.6}
@media print{.strip div{overflow:visible}}
)";
}

void add_strip(Html& html, const LabelledRecording& recording, std::span<const float> signal,
               std::int64_t middle) {
  const Frame frame = frame_of(recording, signal, middle);
  constexpr int width = mark_width + trace_width;
  const int height = head + frame.height;
  html.add(
      "<div><svg width=\"{}mm\" height=\"{}mm\" viewBox=\"0 0 {} {}\" role=img aria-label=\"ECG, "
      "{} s from {}\">",
      width / mm, height / mm, width, height, strip_seconds,
      time_text(static_cast<double>(frame.begin) / frame.frequency, true));
  add_lines(html, "fine", frame, mm);
  add_lines(html, "bold", frame, 5 * mm);
  add_unreadable(html, recording, frame);
  add_mark(html, frame);
  add_trace(html, frame, signal);
  add_beat_labels(html, recording, frame);
  html.raw("</svg></div>");
}

std::string time_text(double seconds, bool tenths) {
  const auto whole = tenths ? std::llround(seconds * 10) : std::llround(seconds) * 10;
  const auto s = whole / 10;
  std::string text = fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return tenths ? text + fmt::format(".{}", whole % 10) : text;
}

}  // namespace ekgine
