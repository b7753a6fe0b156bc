#include "classification/glance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "classification/strip.h"
#include "data/labels.h"
#include "evaluation/format.h"

namespace ekgine {

namespace {

constexpr int columns = 1000;  // into which a width is divided

// Neighbours that share a value, as [first, last].
template <class Same>
std::vector<std::pair<int, int>> runs_of(int count, Same same) {
  std::vector<std::pair<int, int>> runs;
  for (int i = 0; i < count; ++i) {
    if (!same(i)) continue;
    if (runs.empty() || runs.back().second != i - 1) runs.push_back({i, i});
    runs.back().second = i;
  }
  return runs;
}

// Round steps of time, in s, about eight of which make up `seconds`.
double time_step(double seconds) {
  for (const double step : {1., 2., 5., 10., 30., 60., 120., 300., 600., 1800., 3600., 7200.,
                            10800., 21600., 43200., 86400.}) {
    if (step * 10 >= seconds) return step;
  }
  return 86400 * std::ceil(seconds / 864000);
}

// ---- Intervals.

// Of the drawing, in its own units: a column is one of them.
struct IntervalFrame {
  static constexpr int left = 46, top = 8, height = 200, bars = 12;
  static constexpr double longest_s = 2;
  double samples = 1;

  int column(std::int64_t sample) const {
    const double share = static_cast<double>(sample) / samples;
    return std::clamp(static_cast<int>(share * columns), 0, columns - 1);
  }
  static int y(double interval) {
    return top + height -
           static_cast<int>(std::lround(std::min(interval, longest_s) / longest_s * height));
  }
};

void add_interval_axes(Html& html, const IntervalFrame& frame, double duration_s) {
  constexpr int bottom = IntervalFrame::top + IntervalFrame::height;
  for (const double interval : {0., 0.5, 1., 1.5, 2.}) {
    html.add(
        "<path class=axis d=\"M{0} {1}h{2}\"/><text class=t x={3} y={4} font-size=11 "
        "text-anchor=end>{5}</text>",
        IntervalFrame::left, IntervalFrame::y(interval), columns, IntervalFrame::left - 6,
        IntervalFrame::y(interval) + 4, interval);
  }
  html.add("<text class=t x=0 y={} font-size=11>s</text>", IntervalFrame::top + 4);
  const double step = time_step(duration_s);
  for (double t = 0; t <= duration_s; t += step) {
    const int x = IntervalFrame::left + frame.column(std::llround(t / duration_s * frame.samples));
    html.add("<text class=t x={} y={} font-size=11 text-anchor={}>{}</text>", x,
             bottom + IntervalFrame::bars + 18,
             t == 0                          ? "start"
             : x > IntervalFrame::left + 970 ? "end"
                                             : "middle",
             time_text(t));
  }
}

// The points of a class, columns from left to right, those above each other as one line.
void add_points(Html& html, const IntervalFrame& frame, const LabelledRecording& recording,
                std::span<const double> intervals, std::int32_t label) {
  constexpr int rows = IntervalFrame::top + IntervalFrame::height + 1;
  std::vector<std::array<bool, rows>> taken(columns);
  bool any = false;
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    if (recording.beats[i].label != label || !(intervals[i] > 0)) continue;
    const auto column = static_cast<std::size_t>(frame.column(recording.beats[i].sample));
    taken[column][static_cast<std::size_t>(IntervalFrame::y(intervals[i]))] = true;
    any = true;
  }
  if (!any) return;
  html.add("<path class=\"s{} dot\" d=\"", label);
  for (int x = 0; x < columns; ++x) {
    const auto& column = taken[static_cast<std::size_t>(x)];
    for (const auto& [first, last] :
         runs_of(rows, [&](int y) { return column[static_cast<std::size_t>(y)]; })) {
      html.add("M{} {}v{}", IntervalFrame::left + x, first, last - first);
    }
  }
  html.raw("\"/>");
}

// The colours of rhythms, by the classes whose colours they share.
constexpr std::array<int, rhythm_count> rhythm_colours = {-1, 2, 4, 2, 1};

void add_rhythm_bars(Html& html, const IntervalFrame& frame, const Findings& findings) {
  constexpr int top = IntervalFrame::top + IntervalFrame::height + 4;
  for (int r = 1; r < rhythm_count; ++r) {
    std::vector<bool> taken(columns);
    for (const RhythmStretch& stretch : findings.rhythms) {
      if (static_cast<int>(stretch.rhythm) != r) continue;
      const int last = frame.column(std::max(stretch.samples.begin, stretch.samples.end - 1));
      for (int x = frame.column(stretch.samples.begin); x <= last; ++x) {
        taken[static_cast<std::size_t>(x)] = true;
      }
    }
    const auto runs = runs_of(columns, [&](int x) { return taken[static_cast<std::size_t>(x)]; });
    if (runs.empty()) continue;
    html.add("<path class=c{} d=\"", rhythm_colours[static_cast<std::size_t>(r)]);
    for (const auto& [first, last] : runs) {
      html.add("M{} {}h{}v{}h-{}z", IntervalFrame::left + first, top, last - first + 1,
               IntervalFrame::bars - 4, last - first + 1);
    }
    html.add("\"><title>{}</title></path>", rhythm_description(static_cast<Rhythm>(r)));
  }
}

// Unreadable columns as one shape.
void add_gaps(Html& html, const LabelledRecording& recording, const IntervalFrame& frame) {
  std::vector<bool> taken(columns);
  for (const Stretch& gap : recording.unreadable) {
    const int last = frame.column(std::max(gap.begin, gap.end - 1));
    for (int x = frame.column(gap.begin); x <= last; ++x) taken[static_cast<std::size_t>(x)] = true;
  }
  const auto runs = runs_of(columns, [&](int x) { return taken[static_cast<std::size_t>(x)]; });
  if (runs.empty()) return;
  html.raw("<path class=gap d=\"");
  for (const auto& [first, last] : runs) {
    html.add("M{} {}h{}v{}h-{}z", IntervalFrame::left + first, IntervalFrame::top, last - first + 1,
             IntervalFrame::height, last - first + 1);
  }
  html.raw("\"><title>unreadable</title></path>");
}

// ---- Rows.

// Drawing a row, in its own units.
constexpr int row_left = 130, row_pitch = 52, column_width = 2;
constexpr int lane = 6;  // of ticks, a lane for each class but N
// Where a column is longer than this, beats no longer show in the trace and have ticks below it.
constexpr double longest_column_s = 0.2;

// The values within a column; none of them measured: low above high.
struct Extent {
  float low = std::numeric_limits<float>::infinity(),
        high = -std::numeric_limits<float>::infinity();
  bool measured() const { return low <= high; }
};

struct Row {
  std::int64_t begin = 0, end = 0;  // samples
  std::vector<Extent> extents;
  std::vector<std::int32_t> classes;  // of the columns
  float middle = 0;                   // mV
};

struct Rows {
  double seconds = 0;  // of a row
  std::vector<Row> rows;
  double half_mv = 0.5;  // of a row, above and below its middle

  bool ticks() const { return seconds / columns > longest_column_s; }
};

double row_seconds(double duration_s) {
  constexpr int most_rows = 60;
  for (const double s : {10., 30., 60., 300., 600., 1800., 3600., 7200., 14400., 43200., 86400.}) {
    if (s * most_rows >= duration_s) return s;
  }
  return std::ceil(duration_s / most_rows / 86400) * 86400;
}

float median_of(std::vector<float> values) {
  if (values.empty()) return 0;
  const auto half = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, half);
  return *half;
}

int row_column(double from_row_s, double seconds) {
  return std::clamp(static_cast<int>(from_row_s / seconds * columns), 0, columns - 1);
}

Row row_of(std::span<const float> signal, Stretch samples, double frequency, double seconds) {
  Row row{.begin = samples.begin,
          .end = samples.end,
          .extents = std::vector<Extent>(columns),
          .classes = std::vector<std::int32_t>(columns, class_n)};
  for (std::int64_t i = samples.begin; i < samples.end; ++i) {
    const float value = signal[static_cast<std::size_t>(i)];
    if (!std::isfinite(value)) continue;
    const int column = row_column(static_cast<double>(i - samples.begin) / frequency, seconds);
    Extent& extent = row.extents[static_cast<std::size_t>(column)];
    extent.low = std::min(extent.low, value);
    extent.high = std::max(extent.high, value);
  }
  std::vector<float> middles;
  for (const Extent& extent : row.extents) {
    if (extent.measured()) middles.push_back(extent.low / 2 + extent.high / 2);
  }
  row.middle = median_of(std::move(middles));
  return row;
}

std::span<const LabelledBeat> beats_in(const LabelledRecording& recording, const Row& row) {
  const auto at = [&](std::int64_t sample) {
    return std::ranges::lower_bound(recording.beats, sample, {}, &LabelledBeat::sample);
  };
  return {at(row.begin), at(row.end)};
}

// Columns from 0.1 s before to 0.3 s after the R waves have the class of their beat; where several
// meet, that of the last one that is not N.
void colour_row(Row& row, const LabelledRecording& recording, double seconds) {
  for (const LabelledBeat& beat : beats_in(recording, row)) {
    if (beat.label == class_n) continue;
    const double at = static_cast<double>(beat.sample - row.begin) / recording.frequency;
    const int last = row_column(at + 0.3, seconds);
    for (int column = row_column(at - 0.1, seconds); column <= last; ++column) {
      row.classes[static_cast<std::size_t>(column)] = beat.label;
    }
  }
}

Rows rows_of(const LabelledRecording& recording, std::span<const float> signal) {
  Rows rows;
  rows.seconds = row_seconds(static_cast<double>(recording.samples) / recording.frequency);
  std::vector<float> reached;
  const auto begin_of = [&](std::size_t row) {
    const double at = static_cast<double>(row) * rows.seconds * recording.frequency;
    return std::min<std::int64_t>(recording.samples, std::llround(at));
  };
  for (std::size_t r = 0; begin_of(r) < recording.samples; ++r) {
    rows.rows.push_back(
        row_of(signal, {begin_of(r), begin_of(r + 1)}, recording.frequency, rows.seconds));
    Row& row = rows.rows.back();
    if (!rows.ticks()) colour_row(row, recording, rows.seconds);
    for (const Extent& extent : row.extents) {
      if (!extent.measured()) continue;
      reached.push_back(std::max(extent.high - row.middle, row.middle - extent.low));
    }
  }
  if (!reached.empty()) {
    // All but the largest of a hundred fit; those are cut off.
    const auto most = reached.begin() + std::ssize(reached) * 99 / 100;
    std::ranges::nth_element(reached, most);
    rows.half_mv = std::clamp<double>(*most, 0.25, 5);
  }
  return rows;
}

// Upright lines from the lowest to the highest value of each column of a class, each long enough to
// meet the one before it.
void add_row_trace(Html& html, const Row& row, double half_mv, int middle_y, int label) {
  const auto y = [&](float mv) {
    const double share = std::clamp((row.middle - mv) / half_mv, -1.0, 1.0);
    return middle_y + static_cast<int>(std::lround(share * row_pitch / 2));
  };
  bool any = false;
  int x_now = 0, y_now = 0;
  std::optional<Extent> before;
  for (int c = 0; c < columns; ++c) {
    Extent extent = row.extents[static_cast<std::size_t>(c)];
    const std::optional<Extent> last =
        std::exchange(before, extent.measured() ? std::optional(extent) : std::nullopt);
    if (!extent.measured() || row.classes[static_cast<std::size_t>(c)] != label) continue;
    if (last) {
      extent.low = std::min(extent.low, last->high);
      extent.high = std::max(extent.high, last->low);
    }
    if (!any) html.add("<path class=\"r{}\" d=\"M0 0", label);
    any = true;
    const int x = row_left + c * column_width, top = y(extent.high), bottom = y(extent.low);
    html.add("m{}{}{}v{}", x - x_now, top < y_now ? "" : " ", top - y_now, bottom - top);
    x_now = x;
    y_now = bottom;
  }
  if (any) html.raw("\"/>");
}

// Where there are beats of a class, in its lane below the trace.
void add_row_ticks(Html& html, const LabelledRecording& recording, const Row& row, double seconds,
                   std::int32_t label) {
  std::vector<bool> taken(columns);
  for (const LabelledBeat& beat : beats_in(recording, row)) {
    if (beat.label != label) continue;
    const double at = static_cast<double>(beat.sample - row.begin) / recording.frequency;
    taken[static_cast<std::size_t>(row_column(at, seconds))] = true;
  }
  const auto runs = runs_of(columns, [&](int x) { return taken[static_cast<std::size_t>(x)]; });
  if (runs.empty()) return;
  html.add("<path class=c{} d=\"", label);
  for (const auto& [first, last] : runs) {
    const int width = (last - first + 1) * column_width;
    html.add("M{} {}h{}v{}h-{}z", row_left + first * column_width, row_pitch + (label - 1) * lane,
             width, lane - 1, width);
  }
  html.raw("\"/>");
}

// What a span of time is called: "1 min".
std::string span_text(double seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} h", seconds / 3600);
}

void add_row_gaps(Html& html, const LabelledRecording& recording, const Row& row, double seconds) {
  for (const Stretch& gap : recording.unreadable) {
    const std::int64_t begin = std::max(gap.begin, row.begin), end = std::min(gap.end, row.end);
    if (begin >= end) continue;
    const auto x = [&](std::int64_t sample) {
      const double at = static_cast<double>(sample - row.begin) / recording.frequency;
      return row_left + at / seconds * columns * column_width;
    };
    // A gap that cannot be seen is not drawn: there may be a hundred thousand.
    if (x(end) - x(begin) < 0.5) continue;
    html.add("<path class=gap d=\"M{:.1f} 0h{:.1f}v{}h-{:.1f}z\"/>", x(begin), x(end) - x(begin),
             row_pitch, x(end) - x(begin));
  }
}

// ---- Hours.

struct HourBars {
  std::string title;
  const char* key;  // of the colour
  std::vector<double> values;
};

struct ChartFrame {
  static constexpr int width = 520, left = 50, top = 10, height = 190;
  double hours = 1, high = 1, low = 0;
  double x(double hour) const { return left + hour / hours * (width - left - 6); }
  double y(double value) const { return top + (high - value) / (high - low) * height; }
};

void add_chart_axes(Html& html, const ChartFrame& frame) {
  for (const double tick : round_ticks(frame.low, frame.high)) {
    html.add(
        "<path class=axis d=\"M{} {:.1f}H{}\"/><text class=t x={} y={:.1f} font-size=15 "
        "text-anchor=end>{}</text>",
        ChartFrame::left, frame.y(tick), ChartFrame::width - 6, ChartFrame::left - 6,
        frame.y(tick) + 5, tick);
  }
  const double step = std::max(1.0, std::ceil(frame.hours / 12));
  for (double h = 0; h <= frame.hours; h += step) {
    html.add("<text class=t x={:.1f} y={} font-size=15 text-anchor=middle>{}</text>", frame.x(h),
             ChartFrame::top + ChartFrame::height + 18, h);
  }
}

void open_chart(Html& html, const std::string& title) {
  html.add("<div class=card><h3>{0}</h3><svg viewBox=\"0 0 {1} {2}\" role=img aria-label=\"{0}\">",
           title, ChartFrame::width, ChartFrame::top + ChartFrame::height + 26);
}

void add_bars(Html& html, const HourBars& bars) {
  ChartFrame frame;
  frame.hours = static_cast<double>(bars.values.size());
  frame.high = std::max(1e-9, 1.08 * *std::ranges::max_element(bars.values));
  if (frame.high < 1e-6) frame.high = 1;
  open_chart(html, bars.title);
  add_chart_axes(html, frame);
  for (std::size_t h = 0; h < bars.values.size(); ++h) {
    if (!(bars.values[h] > 0)) continue;
    const auto hour = static_cast<double>(h);
    html.add("<rect class={} x={:.1f} y={:.1f} width={:.1f} height=\"{:.1f}\"/>", bars.key,
             frame.x(hour + 0.12), frame.y(bars.values[h]), frame.x(0.76) - frame.x(0),
             frame.y(0) - frame.y(bars.values[h]));
  }
  html.raw("</svg></div>\n");
}

void add_rate_chart(Html& html, const Findings& findings) {
  ChartFrame frame;
  frame.hours = static_cast<double>(findings.hours.size());
  frame.low = 1e9;
  frame.high = 0;
  for (const HourFindings& hour : findings.hours) {
    if (!hour.rate.mean) continue;
    frame.low = std::min(frame.low, hour.rate.lowest ? hour.rate.lowest->rate : *hour.rate.mean);
    frame.high =
        std::max(frame.high, hour.rate.highest ? hour.rate.highest->rate : *hour.rate.mean);
  }
  if (frame.high <= 0) return;
  frame.low = std::floor(frame.low / 10) * 10;
  frame.high = std::ceil(frame.high / 10) * 10 + (frame.low == frame.high ? 10 : 0);
  open_chart(html, "Heart rate, /min: mean, lowest and highest");
  add_chart_axes(html, frame);
  std::string curve;
  bool drawing = false;
  for (std::size_t h = 0; h < findings.hours.size(); ++h) {
    const HeartRate& rate = findings.hours[h].rate;
    const double x = frame.x(static_cast<double>(h) + 0.5);
    if (!rate.mean) {
      drawing = false;
      continue;
    }
    if (rate.lowest && rate.highest) {
      html.add("<path class=span d=\"M{:.1f} {:.1f}V{:.1f}\"/>", x, frame.y(rate.lowest->rate),
               frame.y(rate.highest->rate));
    }
    curve += fmt::format("{}{:.1f} {:.1f}", drawing ? 'L' : 'M', x, frame.y(*rate.mean));
    drawing = true;
    html.add("<circle class=ink cx={:.1f} cy={:.1f} r=3 />", x, frame.y(*rate.mean));
  }
  html.add("<path class=mean d=\"{}\"/></svg></div>\n", curve);
}

std::vector<double> shares_of(const Findings& findings, std::int32_t label) {
  std::vector<double> shares;
  for (const HourFindings& hour : findings.hours) {
    std::int64_t beats = 0;
    for (const std::int64_t count : hour.beats) beats += count;
    shares.push_back(
        beats == 0 ? 0
                   : 100.0 * static_cast<double>(hour.beats[static_cast<std::size_t>(label)]) /
                         static_cast<double>(beats));
  }
  return shares;
}

}  // namespace

std::string glance_style() {
  std::string style = R"(svg .dot{stroke-width:2.2;stroke-linecap:round}
svg .span{stroke:var(--soft);stroke-width:4;stroke-linecap:round;opacity:.45;fill:none}
svg .mean{stroke:var(--ink);stroke-width:1.8;fill:none;stroke-linejoin:round}
svg .ink{fill:var(--ink)}
.whole svg{display:block;width:100%;height:auto}
svg .r0{stroke:var(--ink);stroke-width:1.7;fill:none}
.dense svg .r0{stroke:var(--soft)}
)";
  constexpr std::array colours = {"--m0", "--bad", "--m2", "--m3"};
  for (std::size_t c = 0; c < colours.size(); ++c) {
    style +=
        fmt::format("svg .r{}{{stroke:var({});stroke-width:2.4;fill:none}}\n", c + 1, colours[c]);
  }
  return style;
}

void add_intervals(Html& html, const LabelledRecording& recording, const Findings& findings) {
  if (recording.samples == 0) return;
  const IntervalFrame frame{.samples = static_cast<double>(recording.samples)};
  html.add("<svg viewBox=\"0 0 {} {}\" role=img aria-label=\"Intervals between beats over time\">",
           IntervalFrame::left + columns + 4,
           IntervalFrame::top + IntervalFrame::height + IntervalFrame::bars + 24);
  add_gaps(html, recording, frame);
  add_interval_axes(html, frame, findings.duration_s);
  const std::vector<double> intervals = rr_intervals(recording);
  for (std::int32_t label = 0; label < class_count; ++label) {
    add_points(html, frame, recording, intervals, label);
  }
  add_rhythm_bars(html, frame, findings);
  html.raw("</svg>");
}

void add_rows(Html& html, const LabelledRecording& recording, std::span<const float> signal) {
  if (recording.samples == 0) return;
  const Rows rows = rows_of(recording, signal);
  html.add(
      "<p class=\"soft small\">A row is {} long and {:.1f} mV high, {}.</p>"
      "<div class=\"card rows{}\">",
      span_text(rows.seconds), 2 * rows.half_mv,
      rows.ticks() ? "with a mark below it wherever there are beats of S, V, F or Q"
                   : "beats of S, V, F and Q in their colours",
      rows.ticks() ? " dense" : "");
  const int height = row_pitch + (rows.ticks() ? (class_count - 1) * lane + 4 : 0);

  for (const Row& row : rows.rows) {
    // An SVG each, so that pages break between rows.
    html.add("<svg viewBox=\"0 0 {} {}\" role=img aria-label=\"From {}\">",
             row_left + columns * column_width + 10, height,
             time_text(static_cast<double>(row.begin) / recording.frequency));
    add_row_gaps(html, recording, row, rows.seconds);
    html.add("<text class=t x={} y={} font-size=22 text-anchor=end>{}</text>", row_left - 12,
             row_pitch / 2 + 8, time_text(static_cast<double>(row.begin) / recording.frequency));
    for (int label = 0; label < class_count; ++label) {
      add_row_trace(html, row, rows.half_mv, row_pitch / 2, label);
    }
    for (std::int32_t label = 1; rows.ticks() && label < class_count; ++label) {
      add_row_ticks(html, recording, row, rows.seconds, label);
    }
    html.raw("</svg>\n");
  }
  html.raw("</div>\n");
}

void add_hour_charts(Html& html, const Findings& findings) {
  if (findings.hours.size() < 2) return;
  html.raw("<div class=\"grid charts whole\">\n");
  add_rate_chart(html, findings);
  add_bars(html, {"V, % of the hour's beats", "c2", shares_of(findings, class_v)});
  add_bars(html, {"S, % of the hour's beats", "c1", shares_of(findings, class_s)});
  html.raw("</div><p class=\"soft small\">Over hours from the recording's start.</p>\n");
}

}  // namespace ekgine
