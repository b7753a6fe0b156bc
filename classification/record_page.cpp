#include "classification/record_page.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/html.h"
#include "classification/glance.h"
#include "classification/strip.h"
#include "data/labels.h"
#include "evaluation/format.h"
#include "evaluation/page_style.h"

namespace ekgine {

namespace {

constexpr std::string_view disclaimer =
    "Research software, not a medical device; not for diagnosis";

constexpr std::string_view own_style = R"(
h1+p{margin:0 0 10px}
.notice{border:2px solid var(--bad);border-radius:8px;padding:8px 14px;margin:0 0 18px;
color:var(--bad);font-weight:600;max-width:none}
.tiles{display:grid;gap:12px;grid-template-columns:repeat(4,1fr)}
@media screen and (max-width:760px){.tiles{grid-template-columns:1fr 1fr}}
.intervals{margin-bottom:16px}
.tiles .card{padding:10px 14px}
.tiles b{display:block;font-size:1.45rem;line-height:1.25;font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:.86rem}
.charts{grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr))}
.key i.dot{width:9px;height:9px;border-radius:5px}
.rows svg+svg{margin-top:0}
.two{display:grid;gap:0 40px;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
.two>div{min-width:0;overflow-x:auto}
.two table{width:100%}
dt{font-weight:600;margin-top:6px}dd{margin:0;color:var(--soft);max-width:75ch}
@media print{.tiles{gap:6px}
.tiles .card{padding:5px 8px}
.charts{grid-template-columns:repeat(3,1fr);gap:8px}
.two{grid-template-columns:1fr 1fr;gap:0 16px}
.two>div{overflow:visible}
.rows{break-inside:auto;border:0;padding:0;background:none}
section,.two>div,dl,.notice,.tiles,.intervals{break-inside:avoid}}
)";

// What most functions here are about.
struct Content {
  const LabelledRecording& recording;
  std::span<const float> signal;
  const Findings& findings;

  std::int64_t beats() const { return std::ssize(recording.beats); }
  std::int64_t sample_of(std::int64_t beat) const {
    return recording.beats[static_cast<std::size_t>(beat)].sample;
  }
  double seconds_of(std::int64_t beat) const {
    return static_cast<double>(sample_of(beat)) / recording.frequency;
  }
};

// "30 min 6 s": two units, of which the first is not 0.
std::string span_of(double seconds) {
  const std::int64_t s = std::llround(seconds);
  if (s >= 2 * 86400) return fmt::format("{} d {} h", s / 86400, s / 3600 % 24);
  if (s >= 3600) return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
  if (s >= 60) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} s", seconds < 10 ? std::round(seconds * 10) / 10 : std::round(seconds));
}

// Of nothing there is no share.
std::string share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? "–" : percent(part, whole);
}

std::string rate(double value) {
  return fmt::format("{:.0f}", value);
}

void add_head(Html& html, const Content& c) {
  const std::string title = "ECG recording " + escape(c.recording.name);
  html.add(
      "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
      "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n"
      "<title>{0}</title><style>{1}{2}{3}{4}</style></head><body>\n<h1>{0}</h1>\n"
      "<p class=soft>{5}{6}, {7} Hz, {8}{9}</p>\n<p class=notice>{10}</p>\n",
      title, page_style(), strip_style(), glance_style(), own_style,
      c.recording.lead.empty() ? "Lead without a name" : "Lead " + escape(c.recording.lead),
      c.recording.inverted ? ", turned upside down" : "", c.recording.frequency,
      span_of(c.findings.duration_s), c.findings.duration_s >= 60 ? "" : " long", disclaimer);
}

// ---- Figures.

void add_tile(Html& html, const std::string& name, const std::string& value,
              const std::string& more) {
  html.add("<div class=card>{}<b>{}</b><span>{}</span></div>\n", name, value, more);
}

std::string extremes_text(const HeartRate& heart) {
  if (!heart.lowest || !heart.highest) return "extremes not known";
  return fmt::format("/min; {} to {}", rate(heart.lowest->rate), rate(heart.highest->rate));
}

void add_tiles(Html& html, const Content& c) {
  const Findings& f = c.findings;
  html.raw("<div class=tiles>\n");
  const double readable = f.duration_s > 0 ? 100 * f.readable_s / f.duration_s : 0;
  add_tile(html, "Analysable", span_of(f.readable_s),
           fmt::format("{:.1f} % of the recording", readable));
  add_tile(html, "Beats", grouped(c.beats()),
           c.recording.left_out == 0
               ? std::string("all with a class")
               : fmt::format("and {} without a class", grouped(c.recording.left_out)));
  add_tile(html, "Heart rate", f.rate.mean ? rate(*f.rate.mean) : "–", extremes_text(f.rate));
  add_tile(html, "V, ventricular ectopic", grouped(f.beats[class_v]),
           share(f.beats[class_v], c.beats()) + " of beats");
  add_tile(html, "S, supraventricular ectopic", grouped(f.beats[class_s]),
           share(f.beats[class_s], c.beats()) + " of beats");
  const RhythmTotal tachycardia =
      rhythm_total(f, Rhythm::ventricular_tachycardia, c.recording.frequency);
  add_tile(html, "Ventricular tachycardia",
           tachycardia.stretches == 0 ? "none" : grouped(tachycardia.stretches),
           tachycardia.stretches == 0 ? "three V or more above 100/min"
                                      : "longest " + span_of(tachycardia.longest_s));
  add_tile(html, "Pauses", grouped(std::ssize(f.pauses)),
           fmt::format("of {} s or more", pause_limits_s[0]));
  const RhythmTotal irregular = rhythm_total(f, Rhythm::irregular, c.recording.frequency);
  add_tile(
      html, "Irregular, possibly AF",
      irregular.stretches == 0 ? "none" : span_of(irregular.seconds),
      irregular.stretches == 0 || f.readable_s <= 0
          ? std::string("of 30 s or more")
          : fmt::format("{:.0f} % of the analysable time", 100 * irregular.seconds / f.readable_s));
  html.raw("</div>\n");
}

// ---- At a glance.

void add_glance(Html& html, const Content& c) {
  html.raw(
      "<h2>Intervals</h2><p class=\"soft small\">Each dot is the interval before a beat, in the "
      "colour of that beat, those of 2 s or more at the top. Below them the rhythms, where one was "
      "found.</p>\n<p class=\"small keys\">");
  constexpr std::array colours = {"--soft", "--m0", "--bad", "--m2", "--m3"};
  for (std::size_t label = 0; label < class_names.size(); ++label) {
    html.add("<span class=key><i class=dot style=\"background:var({})\"></i>{} {}</span>",
             colours[label], class_names[label], class_descriptions[label]);
  }
  constexpr std::array<std::pair<const char*, const char*>, 3> rhythms = {
      {{"--bad", "bigeminy, ventricular tachycardia"},
       {"--m3", "trigeminy"},
       {"--m0", "irregular, possibly AF"}}};
  html.raw("<br>");
  for (const auto& [colour, name] : rhythms) {
    html.add("<span class=key><i style=\"background:var({});height:8px\"></i>{}</span>", colour,
             name);
  }
  html.raw("</p><div class=\"card whole intervals\">");
  add_intervals(html, c.recording, c.findings);
  html.raw("</div>\n");
  add_hour_charts(html, c.findings);
  html.raw("<h2>The whole recording</h2><div class=whole>\n");
  add_rows(html, c.recording, c.signal);
  html.raw("</div>\n");
}

// ---- Findings as tables.

void add_row(Html& html, const std::string& name, const std::string& first,
             const std::string& second) {
  html.add("<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n", name, first, second);
}

std::string run_text(const Content& c, const Ectopics& of, std::optional<std::size_t> run) {
  if (!run) return "–";
  const RateAt& found = of.runs[*run];
  return fmt::format("{} beats, {}/min, at {}", grouped(found.beats), rate(found.rate),
                     time_text(c.seconds_of(found.first_beat)));
}

void add_ectopics(Html& html, const Content& c) {
  const Ectopics &s = c.findings.supraventricular, &v = c.findings.ventricular;
  const auto count = [](std::size_t n) { return grouped(static_cast<std::int64_t>(n)); };
  html.raw("<div><table><tr><th>Ectopics</th><th>V</th><th>S</th></tr>\n");
  add_row(html, "beats", grouped(c.findings.beats[class_v]), grouped(c.findings.beats[class_s]));
  add_row(html, "singles", count(v.singles.size()), count(s.singles.size()));
  add_row(html, "couplets", count(v.couplets.size()), count(s.couplets.size()));
  add_row(html, "runs", count(v.runs.size()), count(s.runs.size()));
  html.add("<tr><td>longest run of V</td><td colspan=2>{}</td></tr>\n", run_text(c, v, v.longest));
  html.add("<tr><td>fastest run of V</td><td colspan=2>{}</td></tr>\n", run_text(c, v, v.fastest));
  html.add("<tr><td>longest run of S</td><td colspan=2>{}</td></tr>\n", run_text(c, s, s.longest));
  html.add("<tr><td>fastest run of S</td><td colspan=2>{}</td></tr>\n", run_text(c, s, s.fastest));
  add_row(html, "fusion beats, F", grouped(c.findings.beats[class_f]), "");
  add_row(html, "paced or unclassifiable, Q", grouped(c.findings.beats[class_q]), "");
  html.raw("</table></div>\n");
}

void add_rhythm_table(Html& html, const Content& c) {
  html.raw(
      "<div><table><tr><th>Rhythms</th><th>stretches</th><th>in all</th><th>longest</th></tr>\n");
  for (int r = 1; r < rhythm_count; ++r) {
    const RhythmTotal total =
        rhythm_total(c.findings, static_cast<Rhythm>(r), c.recording.frequency);
    const bool none = total.stretches == 0;
    html.add("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
             rhythm_description(static_cast<Rhythm>(r)), grouped(total.stretches),
             none ? "–" : span_of(total.seconds), none ? "–" : span_of(total.longest_s));
  }
  html.raw(
      "</table><table style=\"margin-top:14px\"><tr><th>Pauses and rates</th><th></th></tr>\n");
  for (const double least : pause_limits_s) {
    html.add("<tr><td>pauses of {} s or more</td><td>{}</td></tr>\n", least,
             grouped(count_pauses(c.findings, least)));
  }
  const auto longest = std::ranges::max_element(c.findings.pauses, {}, &Pause::seconds);
  html.add("<tr><td>longest pause</td><td>{}</td></tr>\n",
           longest == c.findings.pauses.end()
               ? "–"
               : fmt::format("{:.1f} s, at {}", longest->seconds,
                             time_text(c.seconds_of(longest->first_beat))));
  for (const auto& [name, found] : {std::pair{"lowest rate", c.findings.rate.lowest},
                                    {"highest rate", c.findings.rate.highest}}) {
    html.add("<tr><td>{}</td><td>{}</td></tr>\n", name,
             found ? fmt::format("{}/min, at {}", rate(found->rate),
                                 time_text(c.seconds_of(found->first_beat)))
                   : "–");
  }
  html.raw("</table></div>\n");
}

void add_hours(Html& html, const Content& c) {
  html.raw(
      "<h2>Hour by hour</h2><div class=scroll><table class=wide><tr><th>from</th>"
      "<th>analysable</th><th>beats</th><th>rate, /min</th><th>lowest</th><th>highest</th>"
      "<th>V</th><th>% V</th><th>V couplets</th><th>V runs</th><th>S</th><th>% S</th>"
      "<th>S couplets</th><th>S runs</th><th>pauses</th></tr>\n");
  for (std::size_t h = 0; h < c.findings.hours.size(); ++h) {
    const HourFindings& hour = c.findings.hours[h];
    std::int64_t beats = 0;
    for (const std::int64_t count : hour.beats) beats += count;
    const auto percent_of = [&](std::size_t label) {
      if (beats == 0) return std::string("–");
      return fmt::format(
          "{:.1f}", 100.0 * static_cast<double>(hour.beats[label]) / static_cast<double>(beats));
    };
    const auto extreme = [](const std::optional<RateAt>& at) { return at ? rate(at->rate) : "–"; };
    html.add(
        "<tr><td>{}:00</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td>{}</td></tr>\n",
        h, span_of(hour.readable_s), grouped(beats), hour.rate.mean ? rate(*hour.rate.mean) : "–",
        extreme(hour.rate.lowest), extreme(hour.rate.highest), grouped(hour.beats[class_v]),
        percent_of(class_v), hour.couplets_v, hour.runs_v, grouped(hour.beats[class_s]),
        percent_of(class_s), hour.couplets_s, hour.runs_s, hour.pauses);
  }
  html.raw("</table></div>\n");
}

// ---- Strips.

struct Shown {
  std::string title;
  std::int64_t first_beat = 0, beats = 1;
};

// Of groups of `count` beats, the first beats of which are given: the one whose beats have the
// highest probabilities of a class, by their mean; nothing of none.
std::optional<std::int64_t> surest(const Content& c, std::span<const std::int64_t> firsts,
                                   std::int64_t count, std::int32_t label) {
  std::optional<std::int64_t> best;
  float most = -1;
  for (const std::int64_t first : firsts) {
    float sum = 0;
    for (std::int64_t b = first; b < first + count; ++b) {
      sum += c.recording.beats[static_cast<std::size_t>(b)]
                 .probabilities[static_cast<std::size_t>(label)];
    }
    if (sum <= most) continue;
    most = sum;
    best = first;
  }
  return best;
}

std::vector<std::int64_t> beats_of(const Content& c, std::int32_t label) {
  std::vector<std::int64_t> found;
  for (std::int64_t b = 0; b < c.beats(); ++b) {
    if (c.recording.beats[static_cast<std::size_t>(b)].label == label) {
      found.push_back(b);
    }
  }
  return found;
}

void show_surest(std::vector<Shown>& shown, const Content& c, const std::string& title,
                 std::span<const std::int64_t> firsts, std::int64_t count, std::int32_t label) {
  if (const auto first = surest(c, firsts, count, label)) shown.push_back({title, *first, count});
}

void show_rate(std::vector<Shown>& shown, const std::string& title,
               const std::optional<RateAt>& at) {
  if (!at) return;
  shown.push_back({fmt::format("{}: {}/min", title, rate(at->rate)), at->first_beat, at->beats});
}

void show_rhythm(std::vector<Shown>& shown, const Content& c, Rhythm rhythm,
                 const std::string& title) {
  const RhythmStretch* longest = nullptr;
  const auto length = [](const RhythmStretch& s) { return s.samples.end - s.samples.begin; };
  for (const RhythmStretch& stretch : c.findings.rhythms) {
    if (stretch.rhythm != rhythm) continue;
    if (longest == nullptr || length(stretch) > length(*longest)) longest = &stretch;
  }
  if (longest == nullptr) return;
  const double seconds = static_cast<double>(length(*longest)) / c.recording.frequency;
  shown.push_back({fmt::format("{}, longest stretch: {}", title, span_of(seconds)),
                   longest->first_beat, longest->beats});
}

void show_ectopics(std::vector<Shown>& shown, const Content& c, const Ectopics& of,
                   std::int32_t label) {
  const std::string_view name = class_names[static_cast<std::size_t>(label)];
  show_surest(shown, c, fmt::format("Single {}", name), of.singles, 1, label);
  show_surest(shown, c, fmt::format("Couplet of {}", name), of.couplets, 2, label);
  if (!of.longest) return;
  const auto show = [&](const char* which, const RateAt& run) {
    shown.push_back({fmt::format("{} run of {}: {} beats, {}/min", which, name, grouped(run.beats),
                                 rate(run.rate)),
                     run.first_beat, run.beats});
  };
  if (of.longest == of.fastest) {
    show("Longest and fastest", of.runs[*of.longest]);
  } else {
    show("Longest", of.runs[*of.longest]);
    show("Fastest", of.runs[*of.fastest]);
  }
}

std::vector<Shown> choose_strips(const Content& c) {
  std::vector<Shown> shown;
  show_surest(shown, c, "N, the surest", beats_of(c, class_n), 1, class_n);
  show_ectopics(shown, c, c.findings.ventricular, class_v);
  show_rhythm(shown, c, Rhythm::bigeminy, "Ventricular bigeminy");
  show_rhythm(shown, c, Rhythm::trigeminy, "Ventricular trigeminy");
  show_ectopics(shown, c, c.findings.supraventricular, class_s);
  show_surest(shown, c, "Fusion beat, F", beats_of(c, class_f), 1, class_f);
  show_surest(shown, c, "Paced or unclassifiable, Q", beats_of(c, class_q), 1, class_q);
  show_rhythm(shown, c, Rhythm::irregular, "Irregular, possibly AF");
  const auto pause = std::ranges::max_element(c.findings.pauses, {}, &Pause::seconds);
  if (pause != c.findings.pauses.end()) {
    shown.push_back({fmt::format("Longest pause: {:.1f} s", pause->seconds), pause->first_beat, 2});
  }
  show_rate(shown, "Lowest rate", c.findings.rate.lowest);
  show_rate(shown, "Highest rate", c.findings.rate.highest);
  return shown;
}

void add_strips(Html& html, const Content& c) {
  if (c.beats() == 0) {
    html.raw("<h2>Strips</h2><p>No beat was found.</p>\n");
    return;
  }
  html.raw(
      "<h2>Strips</h2><p class=\"soft small\">25 mm/s and 10 mm/mV where printed at 100 %, "
      "without scaling to fit. Above the beats their classes, between them the intervals in ms. Of "
      "several of a kind the surest is shown, of what goes on longer its middle.</p>\n");
  for (const Shown& strip : choose_strips(c)) {
    const std::int64_t begin = c.sample_of(strip.first_beat);
    const std::int64_t end = c.sample_of(strip.first_beat + strip.beats - 1);
    const bool fits = static_cast<double>(end - begin) <= strip_seconds * c.recording.frequency;
    html.add("<section class=strip><h3>{} <span class=\"soft small\">at {}{}</span></h3>",
             strip.title, time_text(static_cast<double>(begin) / c.recording.frequency, true),
             fits ? "" : "; its middle");
    add_strip(html, c.recording, c.signal, begin + (end - begin) / 2);
    html.raw("</section>\n");
  }
}

// ---- What labelled the beats, and what the words mean.

std::string figure_cell(const std::optional<double>& value,
                        const std::optional<Interval>& interval) {
  if (!value) return "–";
  const std::string range = interval_text(interval, "–", "");
  return figure(*value, interval) +
         (range.empty() ? "" : fmt::format(" <span class=\"soft small\">{}</span>", range));
}

void add_model(Html& html, const ModelFacts& model) {
  html.raw("<section><h2>The model and its errors</h2>\n");
  if (!model.name.empty() || !model.card.empty()) {
    html.add("<p>{}{}{}</p>\n", escape(model.name),
             model.name.empty() || model.card.empty() ? "" : ": ", escape(model.card));
  }
  const bool measured = std::ranges::any_of(
      model.classes, [](const ClassFigures& f) { return f.beats > 0 || f.sensitivity; });
  if (!measured) {
    html.raw("<p>How often it errs is not known.</p></section>\n");
    return;
  }
  if (!model.tested_on.empty()) {
    html.add("<p>Measured on {}. In another recording it may err more.</p>\n",
             escape(model.tested_on));
  }
  html.raw(
      "<div class=scroll><table><tr><th>class</th><th>beats tested</th><th>sensitivity</th>"
      "<th>positive predictivity</th></tr>\n");
  for (std::size_t label = 0; label < class_names.size(); ++label) {
    const ClassFigures& f = model.classes[label];
    html.add(
        "<tr><td>{} <span class=\"soft small\">{}</span></td><td>{}</td><td>{}</td>"
        "<td>{}</td></tr>\n",
        class_names[label], class_descriptions[label], grouped(f.beats),
        figure_cell(f.sensitivity, f.sensitivity_interval),
        figure_cell(f.positive_predictivity, f.positive_predictivity_interval));
  }
  html.raw("</table></div></section>\n");
}

void add_terms(Html& html, const ModelFacts& model) {
  html.add(
      "<h2>Terms</h2><dl class=small>"
      "<dt>Analysable</dt><dd>The recording less its unreadable stretches. Intervals across one "
      "are not known.</dd>"
      "<dt>Heart rate</dt><dd>60 over the mean interval, beats of all classes alike. Lowest and "
      "highest are those of {} intervals in a row.</dd>"
      "<dt>Single, couplet, run</dt><dd>One, two, three or more of a class in a row.</dd>"
      "<dt>Bigeminy, trigeminy</dt><dd>N V, or N N V, three times or more in a row.</dd>"
      "<dt>Ventricular tachycardia</dt><dd>Three or more V in a row at more than 100/min.</dd>"
      "<dt>Irregular, possibly AF</dt><dd>Intervals without order for {} s or more, by their "
      "coefficient of sample entropy. P waves are not looked at.</dd>"
      "<dt>Hour</dt><dd>3600 s from the recording's start, not of the clock.</dd></dl>\n"
      "<p class=notice>{}</p>\n",
      rate_intervals, irregular_least_s, disclaimer);
  if (!model.made.empty()) html.add("<p class=\"soft small made\">{}</p>\n", escape(model.made));
}

}  // namespace

std::string render_record_page(const LabelledRecording& recording, std::span<const float> signal,
                               const Findings& findings, const ModelFacts& model) {
  const Content content{recording, signal, findings};
  Html html;
  add_head(html, content);
  add_tiles(html, content);
  add_glance(html, content);
  html.raw("<h2>Findings</h2><div class=two>\n");
  add_ectopics(html, content);
  add_rhythm_table(html, content);
  html.raw("</div>\n");
  add_hours(html, content);
  add_strips(html, content);
  add_model(html, model);
  add_terms(html, model);
  html.raw("</body></html>\n");
  return html.take();
}

void write_record_page(const std::filesystem::path& path, const LabelledRecording& recording,
                       std::span<const float> signal, const Findings& findings,
                       const ModelFacts& model) {
  write_file(path, render_record_page(recording, signal, findings, model));
}

}  // namespace ekgine
