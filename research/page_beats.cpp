#include "research/page_beats.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/beat.h"
#include "data/beats.h"
#include "data/labels.h"
#include "research/png.h"

namespace ekgine {

namespace {

std::string time_text(const PageBeat& beat) {
  const double seconds = static_cast<double>(beat.r_sample) / beat.frequency;
  const auto minutes = static_cast<int>(seconds / 60);
  return fmt::format("{}:{:04.1f}", minutes, seconds - 60 * minutes);
}

void add_trace(Html& html, const PageBeat& beat) {
  constexpr double width = 320, height = 120;
  const auto [low, high] = std::ranges::minmax(beat.samples);
  const double span = std::max(static_cast<double>(high - low), 1e-6);
  html.add(
      "<svg viewBox=\"0 0 {} {}\" role=img aria-label=\"ECG of the beat\"><path class=mark "
      "d=\"M{:.1f} 4V{}\"/><path class=trace d=\"",
      width, height, 93.0 / (beat_samples - 1) * width, height - 4);
  for (std::size_t i = 0; i < beat.samples.size(); ++i) {
    html.add("{}{:.1f} {:.1f}", i == 0 ? 'M' : 'L',
             static_cast<double>(i) / (beat_samples - 1) * width,
             8 + (high - beat.samples[i]) / span * (height - 16));
  }
  html.add(
      "\"/><text class=t x=4 y=12 font-size=11>{:.1f} mV</text><text class=t x=4 y={} "
      "font-size=11>{:.1f} mV</text></svg>",
      high, height - 4, low);
}

void add_scalogram(Html& html, const PageBeat& beat) {
  const float largest = std::max(*std::ranges::max_element(beat.scalogram), 1e-6F);
  std::vector<std::uint8_t> pixels;
  pixels.reserve(beat.scalogram.size());
  for (const float value : beat.scalogram) {
    pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * value / largest)));
  }
  html.add(
      "<img alt=\"Scalogram: scales 1 at the top to 32, over time\" width={} height={} "
      "style=\"aspect-ratio:3\" src=\"data:image/png;base64,{}\">",
      beat_samples, scalogram_scales, base64(encode_png(beat_samples, pixels, heat_palette())));
}

std::vector<float> answer(const RecordPredictions& record, std::size_t sequence) {
  const auto first =
      record.probabilities.begin() + static_cast<std::ptrdiff_t>(sequence) * class_count;
  return {first, first + class_count};
}

}  // namespace

std::size_t best_model(const std::vector<PageModel>& models) {
  std::size_t best = 0;
  for (std::size_t m = 1; m < models.size(); ++m) {
    if (models[m].final_result.at("metrics").at("macro_f1").get<double>() >
        models[best].final_result.at("metrics").at("macro_f1").get<double>()) {
      best = m;
    }
  }
  return best;
}

std::vector<PageBeat> choose_beats(const std::vector<PageModel>& models, std::size_t best) {
  struct Candidate {
    float certainty = -1;
    const RecordPredictions* record = nullptr;
    std::size_t sequence = 0;
  };
  std::vector<Candidate> right(class_names.size()), wrong(class_names.size());
  for (const RecordPredictions& record : models[best].predictions) {
    for (std::size_t i = 0; i < record.labels.size(); ++i) {
      const std::vector<float> p = answer(record, i);
      const auto chosen = std::ranges::max_element(p) - p.begin();
      const auto label = static_cast<std::size_t>(record.labels[i]);
      Candidate& candidate = (chosen == record.labels[i] ? right : wrong)[label];
      const float certainty = p[static_cast<std::size_t>(chosen)];
      if (certainty > candidate.certainty) candidate = {certainty, &record, i};
    }
  }
  std::vector<PageBeat> beats;
  for (std::size_t c = 0; c < class_names.size(); ++c) {
    for (const auto& [candidate, caption] :
         {std::pair{right[c], "recognised"}, std::pair{wrong[c], "mistaken"}}) {
      if (candidate.record == nullptr) continue;
      PageBeat beat;
      beat.record = candidate.record->record;
      beat.r_sample = candidate.record->r_samples.at(candidate.sequence);
      beat.label = static_cast<std::int32_t>(c);
      beat.caption = caption;
      for (const PageModel& model : models) {
        // Models may differ in the length of their sequences, so beats are found by their place.
        for (const RecordPredictions& record : model.predictions) {
          if (record.record != beat.record) continue;
          const auto found = std::ranges::find(record.r_samples, beat.r_sample);
          if (found == record.r_samples.end()) continue;
          beat.answers.push_back(
              answer(record, static_cast<std::size_t>(found - record.r_samples.begin())));
        }
      }
      if (beat.answers.size() == models.size()) beats.push_back(std::move(beat));
    }
  }
  return beats;
}

void add_beats(Html& html, const Page& page) {
  if (page.beats.empty()) return;
  html.add(
      "<h2>Beats, and what the models said</h2><p class=\"soft small\">For every class of the test "
      "records: the beat that {} is most certain of, and its most certain mistake. Below each "
      "beat (0.52 s about the R wave) its scalogram, fast on top and slow at the bottom, and "
      "the models' probabilities in percent, the chosen class in bold.</p><div class=grid>\n",
      escape(page.models[best_model(page.models)].name));
  for (const PageBeat& beat : page.beats) {
    html.add(
        "<div class=card><h3>{} <span class=tag>{}</span></h3><p class=\"soft small\">record {} at "
        "{}: {}</p>",
        class_descriptions[static_cast<std::size_t>(beat.label)],
        class_names[static_cast<std::size_t>(beat.label)], escape(beat.record), time_text(beat),
        escape(beat.caption));
    add_trace(html, beat);
    add_scalogram(html, beat);
    html.raw("<div class=scroll><table class=answers><tr><th></th>");
    for (const std::string_view name : class_names) html.add("<th>{}</th>", name);
    html.raw("</tr>");
    for (std::size_t m = 0; m < page.models.size(); ++m) {
      html.add("<tr><td>{}</td>", escape(page.models[m].name));
      const std::vector<float>& p = beat.answers[m];
      const auto chosen = std::ranges::max_element(p) - p.begin();
      for (std::ptrdiff_t c = 0; c < std::ssize(p); ++c) {
        const bool right = c == beat.label;
        html.add("<td{}>{:.0f}</td>",
                 c != chosen ? ""
                 : right     ? " class=best style=\"color:var(--good)\""
                             : " class=best style=\"color:var(--bad)\"",
                 100 * p[static_cast<std::size_t>(c)]);
      }
      html.raw("</tr>");
    }
    html.raw("</table></div></div>\n");
  }
  html.raw("</div>\n");
}

}  // namespace ekgine
