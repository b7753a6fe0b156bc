#include "research/page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "base/html.h"
#include "base/json_file.h"
#include "data/labels.h"
#include "evaluation/colours.h"
#include "evaluation/format.h"
#include "evaluation/metrics.h"
#include "evaluation/page_style.h"
#include "model/config.h"
#include "research/diagram.h"
#include "research/page_beats.h"

namespace ekgine {

namespace {

// What this page has beyond what all pages do (evaluation/page_style.h).
constexpr std::string_view style = R"(
.under th:first-child{text-align:right}
td.best{font-weight:700}
td small{display:block;font-size:.78rem;color:var(--soft)}
.card svg,.card img{display:block;width:100%;height:auto}
.card img{border-radius:4px;margin-top:8px}
.answers{width:100%;margin-top:10px;font-size:.8rem}
.answers td,.answers th{padding:3px 4px;text-align:center;font-size:.8rem}
.answers td:first-child{text-align:left;max-width:9em;overflow:hidden;text-overflow:ellipsis}
.tag{display:inline-block;padding:0 7px;border-radius:9px;border:1px solid currentColor;font-size:.8rem}
svg .mark{stroke:var(--soft);stroke-width:1;fill:none}
svg .cell rect{fill:var(--fill);stroke:var(--line)}
svg .cell text{fill:var(--on)}
svg .curve{fill:none;stroke-width:2;stroke-linejoin:round}
svg .dash{stroke-dasharray:5 4}
svg .trace{fill:none;stroke:var(--ink);stroke-width:1.6;stroke-linejoin:round}
.cell{--fill:var(--a);--on:var(--b)}
@media screen and (prefers-color-scheme:dark){.cell{--fill:var(--c);--on:var(--d)}}
@media print{.grid{grid-template-columns:repeat(3,1fr);gap:10px}
.answers td:first-child{max-width:7em}}
)";

std::optional<double> number(const Json& value) {
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

// A figure of one class as text, and its interval below it.
std::string class_figure(const Json& metrics, const std::string& class_name, const char* key,
                         bool with_interval) {
  const auto value = number(metrics.at("classes").at(class_name).at(key));
  if (!value) return "–";
  const auto interval = interval_in(metrics, class_name, key);
  return figure(*value, interval) +
         (with_interval && interval
              ? fmt::format("<small>{}</small>", interval_text(interval, "–", ""))
              : "");
}

std::string duration(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  if (seconds < 5400) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

void legend(Html& html, const std::vector<PageModel>& models) {
  html.raw("<p class=\"small keys\">");
  for (std::size_t m = 0; m < models.size(); ++m) {
    html.add("<span class=key><i style=\"background:{}\"></i>{}</span>", colour(m),
             escape(models[m].name));
  }
  html.raw("</p>\n");
}

// ---- The sections, from top to bottom.

// Which beats have been given a class.
std::string what_is_labelled(const std::vector<PageModel>& models) {
  const auto every = [](const PageModel& model) {
    return ModelConfig{.name = model.final_result.at("model").get<std::string>()}
        .labels_every_beat();
  };
  if (std::ranges::all_of(models, every)) return "beats, each with its class";
  std::string text = "sequences of consecutive beats, each with the class of its last beat";
  for (const PageModel& model : models) {
    if (every(model)) text += fmt::format("; {} gives every beat its class", escape(model.name));
  }
  return text;
}

void add_head(Html& html, const Page& page) {
  std::int64_t sequences = 0;
  if (!page.models.empty()) {
    sequences = page.models.front().final_result.at("metrics").at("sequences").get<std::int64_t>();
  }
  html.add(
      "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
      "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n"
      "<title>Heartbeat classifiers side by side</title><style>{}{}</style></head><body>\n"
      "<h1>Heartbeat classifiers side by side</h1>\n"
      "<p>Trained on {} records of {}, tested once on {} records that took no part in it: {}. {} "
      "{}.</p>\n",
      page_style(), style, page.train_records.size(), escape(page.data), page.test_records.size(),
      escape(fmt::format("{}", fmt::join(page.test_records, ", "))), grouped(sequences),
      what_is_labelled(page.models));
}

struct Column {
  const char* title;
  const char* key;
  bool high;  // is good
};
constexpr Column columns[] = {{"accuracy", "accuracy", true},
                              {"macro F1", "macro_f1", true},
                              {"weighted F1", "weighted_f1", true},
                              {"loss", "loss", false}};

// What no model at all would reach on the test records, which counts alone decide.
Baseline baseline_of(const Json& metrics) {
  Metrics counts;
  counts.sequences = metrics.at("sequences").get<std::int64_t>();
  for (const auto& [name, figures] : metrics.at("classes").items()) {
    ClassMetrics& of_class = counts.classes.emplace_back();
    of_class.name = name;
    of_class.support = figures.at("support").get<std::int64_t>();
  }
  return majority_baseline(counts);
}

double figure_of(const Baseline& baseline, const Column& column) {
  const std::string_view key = column.key;
  return key == "accuracy"      ? baseline.accuracy
         : key == "macro_f1"    ? baseline.macro_f1
         : key == "weighted_f1" ? baseline.weighted_f1
                                : baseline.loss;
}

bool is_better(double value, double other, const Column& column) {
  return column.high ? value > other : value < other;
}

// Bold is the best of several models, and only where it beats what needs no model.
void add_figure(Html& html, const Page& page, const PageModel& model, const Column& column) {
  const Json& metrics = model.final_result.at("metrics");
  const auto value = metrics.at(column.key).get<double>();
  const bool best =
      page.models.size() > 1 && is_better(value, figure_of(baseline_of(metrics), column), column) &&
      std::ranges::none_of(page.models, [&](const PageModel& other) {
        return is_better(other.final_result.at("metrics").at(column.key).get<double>(), value,
                         column);
      });
  const auto interval = interval_in(metrics, column.key);
  html.add("<td{}>{}{}</td>", best ? " class=best" : "", figure(value, interval),
           interval ? fmt::format("<small>{}</small>", interval_text(interval, "–", "")) : "");
}

void add_fold_figure(Html& html, const PageModel& model, const char* key) {
  if (model.kfold.is_null()) {
    html.raw("<td>–</td>");
    return;
  }
  const Json& of = model.kfold.at("summary").at(key);
  const auto mean = number(of.at("mean"));
  html.add("<td>{}</td>", mean ? spread(*mean, number(of.at("sd"))) : "–");
}

void add_baseline(Html& html, const Page& page, bool folds) {
  const Json& metrics = page.models.front().final_result.at("metrics");
  const Baseline none = baseline_of(metrics);
  html.add("<tr class=soft><td>always {}</td><td>0</td>", class_names[none.majority]);
  for (const Column& column : columns) {
    html.add("<td>{}</td>", figure(figure_of(none, column), interval_in(metrics, column.key)));
  }
  html.add("{}<td></td><td></td></tr>", folds ? "<td></td><td></td>" : "");
}

// What bold and intervals mean, and where no model is worth more than none.
void add_reading(Html& html, const Page& page) {
  std::vector<const char*> beaten_by_none;
  for (const Column& column : columns) {
    if (std::ranges::none_of(page.models, [&](const PageModel& model) {
          const Json& metrics = model.final_result.at("metrics");
          return is_better(metrics.at(column.key).get<double>(),
                           figure_of(baseline_of(metrics), column), column);
        })) {
      beaten_by_none.push_back(column.title);
    }
  }
  html.raw(
      "<p class=\"soft small\">Macro F1 counts every class alike, however rare. The last row is "
      "what no model at all would reach");
  if (page.models.size() > 1) html.raw("; the best figure above it is bold, where it beats it");
  html.raw(".");
  if (!beaten_by_none.empty()) {
    html.add(" <b>No model beats it in {}.</b>", fmt::join(beaten_by_none, ", "));
  }
  if (page.test_records.size() > 1) {
    html.add(
        " Small: what 95 % of {} draws of {} records from the {} tested give (bootstrap by "
        "record); digits beyond it are left out.",
        grouped(bootstrap_resamples), page.test_records.size(), page.test_records.size());
  } else {
    html.raw(
        " Of one test record there are no intervals: it does not tell how far figures would move "
        "with other patients.");
  }
  html.raw("</p>\n");
}

void add_models(Html& html, const Page& page) {
  const bool folds =
      std::ranges::any_of(page.models, [](const PageModel& m) { return !m.kfold.is_null(); });
  html.raw(
      "<h2>Held-out test</h2><div class=scroll><table class=wide><tr><th>model</th>"
      "<th>parameters</th>");
  for (const Column& column : columns) html.add("<th>{}</th>", column.title);
  if (folds) html.raw("<th>k-fold accuracy</th><th>k-fold macro F1</th>");
  html.raw("<th>epochs</th><th>training</th></tr>\n");
  for (std::size_t m = 0; m < page.models.size(); ++m) {
    const PageModel& model = page.models[m];
    html.add(
        "<tr><td><span class=key style=\"margin:0\"><i style=\"background:{}\"></i>{}</span>"
        "</td><td>{}</td>",
        colour(m), escape(model.name), grouped(model.parameters));
    for (const Column& column : columns) add_figure(html, page, model, column);
    if (folds) {
      for (const char* key : {"accuracy", "macro_f1"}) add_fold_figure(html, model, key);
    }
    html.add("<td>{}</td><td>{}</td></tr>\n", model.final_result.at("epochs").get<std::int64_t>(),
             duration(model.final_result.at("seconds").get<double>()));
  }
  if (!page.models.empty()) add_baseline(html, page, folds);
  html.raw("</table></div>\n");
  add_reading(html, page);
}

void add_classes(Html& html, const Page& page) {
  html.raw(
      "<div class=scroll><table class=wide><tr><th rowspan=2>class</th>"
      "<th rowspan=2>sequences</th>");
  for (const PageModel& model : page.models) {
    html.add("<th colspan=2>{}</th>", escape(model.name));
  }
  html.raw("</tr>\n<tr class=under>");
  for (std::size_t m = 0; m < page.models.size(); ++m) html.raw("<th>F1</th><th>AUC</th>");
  html.raw("</tr>\n");
  for (std::size_t c = 0; c < class_names.size(); ++c) {
    const std::string key(class_names[c]);
    html.add("<tr><td>{} <span class=\"soft small\">{}</span></td>", key, class_descriptions[c]);
    for (std::size_t m = 0; m < page.models.size(); ++m) {
      const Json& metrics = page.models[m].final_result.at("metrics");
      if (m == 0) {
        html.add("<td>{}</td>",
                 grouped(metrics.at("classes").at(key).at("support").get<std::int64_t>()));
      }
      html.add("<td>{}</td><td class=soft>{}</td>", class_figure(metrics, key, "f1", true),
               class_figure(metrics, key, "auc", true));
    }
    html.raw("</tr>\n");
  }
  html.raw("</table></div>\n");
}

// The hyperparameters that a search found, where one did.
void add_tuned(Html& html, const Page& page) {
  bool tuned = false;
  for (const PageModel& model : page.models) {
    if (model.tuned.is_null()) continue;
    if (!tuned) html.raw("<p class=\"soft small\">Hyperparameters found by search.");
    tuned = true;
    html.add("<br>{}:", escape(model.name));
    const char* separator = " ";
    for (const auto& [name, value] : model.tuned.items()) {
      html.add("{}{} {}", separator, escape(name),
               escape(value.is_string() ? value.get<std::string>() : json_text(value)));
      separator = ", ";
    }
  }
  if (tuned) html.raw("</p>\n");
}

// Cells have the grounds of both schemes with them: of such a share, light and dark, and what is
// written on each.
std::string cell_colours(double share) {
  const Colour light = mixed(light_page.card, light_page.heat, share);
  const Colour dark = mixed(dark_page.card, dark_page.heat, share);
  return fmt::format("--a:{};--b:{};--c:{};--d:{}", hex(light), hex(ink_on(light)), hex(dark),
                     hex(ink_on(dark)));
}

void add_confusion(Html& html, const Page& page) {
  html.raw(
      "<h2>Confusion</h2><p class=\"soft small\">Rows are the cardiologists' classes, columns the "
      "model's. A cell's shade is its share of the row.</p><div class=grid>\n");
  constexpr double cell = 54, left = 34, top = 30;
  for (const PageModel& model : page.models) {
    const Json& confusion = model.final_result.at("metrics").at("confusion");
    html.add(
        "<div class=card><h3>{}</h3><svg viewBox=\"0 0 {} {}\" role=img aria-label=\"Confusion "
        "matrix of {}\">",
        escape(model.name), left + cell * class_count + 4, top + cell * class_count + 4,
        escape(model.name));
    for (std::size_t t = 0; t < class_names.size(); ++t) {
      const double middle = (static_cast<double>(t) + 0.5) * cell;
      html.add(
          "<text class=t x={} y=20 font-size=13 text-anchor=middle>{}</text>"
          "<text class=t x=14 y={} font-size=13 text-anchor=middle>{}</text>",
          left + middle, class_names[t], top + middle + 5, class_names[t]);
      std::int64_t support = 0;
      for (const Json& count : confusion.at(t)) support += count.get<std::int64_t>();
      for (std::size_t p = 0; p < class_names.size(); ++p) {
        const auto count = confusion.at(t).at(p).get<std::int64_t>();
        const double share =
            support == 0 ? 0 : static_cast<double>(count) / static_cast<double>(support);
        const double x = left + static_cast<double>(p) * cell,
                     y = top + static_cast<double>(t) * cell;
        html.add(
            "<g class=cell style=\"{}\"><rect x={} y={} width={} height={} rx=5>"
            "<title>{} called {}: {}</title></rect>",
            cell_colours(share), x + 1, y + 1, cell - 2, cell - 2, class_names[t], class_names[p],
            grouped(count));
        if (count > 0) {
          html.add(
              "<text x={} y={} font-size=13 text-anchor=middle>{}</text>"
              "<text x={} y={} font-size=10.5 text-anchor=middle>{}</text>",
              x + cell / 2, y + cell / 2, grouped(count), x + cell / 2, y + cell / 2 + 14,
              percent(count, support));
        }
        html.raw("</g>");
      }
    }
    html.raw("</svg></div>\n");
  }
  html.raw("</div>\n");
}

struct Flat {
  std::vector<float> probabilities;
  std::vector<std::int32_t> labels;
};

Flat flatten(const PageModel& model) {
  Flat flat;
  for (const RecordPredictions& record : model.predictions) {
    flat.probabilities.insert(flat.probabilities.end(), record.probabilities.begin(),
                              record.probabilities.end());
    flat.labels.insert(flat.labels.end(), record.labels.begin(), record.labels.end());
  }
  return flat;
}

void add_curves(Html& html, const Page& page) {
  constexpr double tolerance = 3e-3;             // a pixel of these small diagrams
  std::vector<std::vector<ClassCurves>> curves;  // [model][class]
  for (const PageModel& model : page.models) {
    const Flat flat = flatten(model);
    std::vector<ClassCurves>& of = curves.emplace_back();
    for (std::size_t c = 0; c < class_names.size(); ++c) {
      of.push_back(
          compute_curves(flat.probabilities, flat.labels, class_names.size(), c, tolerance));
    }
  }
  const auto section = [&](const char* title, const char* text, const char* x_label,
                           const char* y_label, bool diagonal, const char* area,
                           std::vector<CurvePoint> ClassCurves::*member) {
    html.add("<h2>{}</h2><p class=\"soft small\">{}</p>\n", title, text);
    legend(html, page.models);
    html.raw("<div class=grid>\n");
    for (std::size_t c = 0; c < class_names.size(); ++c) {
      Diagram d{.title = fmt::format("{}, {}", class_names[c], class_descriptions[c]),
                .x_label = x_label,
                .y_label = y_label,
                .x_ticks = {0, 0.5, 1},
                .y_ticks = {0, 0.25, 0.5, 0.75, 1},
                .diagonal = diagonal};
      for (std::size_t m = 0; m < page.models.size(); ++m) {
        if (!(curves[m][c].*member).empty()) d.lines.push_back({curves[m][c].*member, m, false});
        d.below += fmt::format("<span class=\"key small\"><i style=\"background:{}\"></i>{}</span>",
                               colour(m),
                               class_figure(page.models[m].final_result.at("metrics"),
                                            std::string(class_names[c]), area, false));
      }
      draw(html, d);
    }
    html.raw("</div>\n");
  };
  section("ROC", "Each class against the rest; under each diagram the areas.",
          "false-positive rate", "true-positive rate", true, "auc", &ClassCurves::roc);
  section("Precision and recall",
          "Each class against the rest; under each diagram the average precision.", "recall",
          "precision", false, "average_precision", &ClassCurves::precision_recall);
}

// The values of `key` per epoch, averaged over the histories that got that far.
std::vector<CurvePoint> mean_history(const std::vector<Json>& histories, const char* key) {
  std::vector<CurvePoint> points;
  for (std::size_t e = 0;; ++e) {
    double sum = 0, n = 0;
    for (const Json& history : histories) {
      if (e >= history.size() || !history.at(e).contains(key)) continue;
      const std::optional<double> value = number(history.at(e).at(key));
      if (!value || !std::isfinite(*value)) continue;
      sum += *value;
      ++n;
    }
    if (n == 0) return points;
    points.push_back({static_cast<double>(e + 1), sum / n});
  }
}

void add_training(Html& html, const Page& page) {
  const bool folds = std::ranges::any_of(
      page.models, [](const PageModel& m) { return !m.fold_histories.empty(); });
  html.add(
      "<h2>Training</h2><p class=\"soft small\">Epoch by epoch, on all training records{}.</p>\n",
      folds ? "; validation as the mean over the folds of cross-validation" : "");
  legend(html, page.models);
  html.raw("<div class=grid>\n");
  struct Wanted {
    const char* title;
    const char* key;
    bool of_folds;
    bool share;  // from 0 to 1
  };
  for (const Wanted& wanted : {Wanted{"Training loss", "loss", false, false},
                               Wanted{"Training accuracy", "accuracy", false, true},
                               Wanted{"Validation loss", "validation_loss", true, false},
                               Wanted{"Validation accuracy", "validation_accuracy", true, true},
                               Wanted{"Validation macro F1", "validation_macro_f1", true, true}}) {
    if (wanted.of_folds && !folds) continue;
    Diagram d{.title = wanted.title, .x_label = "epoch", .y_label = ""};
    double epochs = 1, high = 0;
    for (std::size_t m = 0; m < page.models.size(); ++m) {
      const std::vector<Json> histories = wanted.of_folds
                                              ? page.models[m].fold_histories
                                              : std::vector<Json>{page.models[m].history};
      d.lines.push_back({mean_history(histories, wanted.key), m, false});
      for (const CurvePoint& point : d.lines.back().points) {
        epochs = std::max(epochs, point.x);
        high = std::max(high, point.y);
      }
    }
    d.x_min = epochs > 1 ? 1 : 0.5;
    d.x_max = epochs > 1 ? epochs : 1.5;
    for (const double tick : round_ticks(d.x_min, d.x_max)) {
      if (tick == std::round(tick) && tick >= 1) d.x_ticks.push_back(tick);
    }
    if (epochs <= 8) {
      d.x_ticks.clear();
      for (double e = 1; e <= epochs; ++e) d.x_ticks.push_back(e);
    }
    d.y_max = wanted.share ? 1 : high > 0 ? 1.08 * high : 1;
    d.y_ticks = round_ticks(0, d.y_max);
    draw(html, d);
  }
  html.raw("</div>\n");
}

void add_folds(Html& html, const Page& page) {
  if (!std::ranges::any_of(page.models, [](const PageModel& m) { return !m.kfold.is_null(); })) {
    return;
  }
  html.raw(
      "<h2>Cross-validation</h2><p class=\"soft small\">A dot per fold; the upright bar is the "
      "mean, with one standard deviation either way.</p><div class=grid>\n");
  std::size_t longest = 0;
  for (const PageModel& model : page.models) longest = std::max(longest, model.name.size());
  const double left = std::max(104.0, 6.0 * static_cast<double>(longest) + 16);
  const double right = left + 202, width = left + 216;
  constexpr double row = 34;
  for (const auto& [title, key] : {std::pair{"Accuracy", "accuracy"},
                                   {"Macro F1", "macro_f1"},
                                   {"Weighted F1", "weighted_f1"}}) {
    const double height = row * static_cast<double>(page.models.size()) + 34;
    const auto x = [&](double v) { return left + v * (right - left); };
    html.add(
        "<div class=card><h3>{}</h3><svg viewBox=\"0 0 {} {}\" role=img aria-label=\"{} by "
        "fold\">",
        title, width, height, title);
    for (const double tick : {0.0, 0.25, 0.5, 0.75, 1.0}) {
      html.add(
          "<path class=axis d=\"M{0:.1f} 4V{1}\"/><text class=t x={0:.1f} y={2} font-size=11 "
          "text-anchor=middle>{3}</text>",
          x(tick), height - 26, height - 10, tick);
    }
    for (std::size_t m = 0; m < page.models.size(); ++m) {
      const PageModel& model = page.models[m];
      const double y = row * static_cast<double>(m) + 22;
      html.add("<text x={} y={} font-size=11 text-anchor=end>{}</text>", left - 8, y + 4,
               escape(model.name));
      if (model.kfold.is_null()) continue;
      const Json& figure = model.kfold.at("summary").at(key);
      const double mean = figure.at("mean").get<double>(), sd = number(figure.at("sd")).value_or(0);
      html.add(
          "<path d=\"M{0:.1f} {2}v8m0 -4H{1:.1f}m0 -4v8\" style=\"stroke:{3};stroke-width:1.5;"
          "fill:none\"/><path d=\"M{4:.1f} {5}v16\" style=\"stroke:{3};stroke-width:3\"/>",
          x(std::max(0.0, mean - sd)), x(std::min(1.0, mean + sd)), y - 4, colour(m), x(mean),
          y - 8);
      for (const Json& fold : model.kfold.at("folds")) {
        const auto value = fold.at("metrics").at(key).get<double>();
        html.add(
            "<circle cx={:.1f} cy={} r=4 style=\"fill:{};stroke:var(--card)\"><title>fold {}: "
            "{:.4f}</title></circle>",
            x(value), y, colour(m), fold.at("fold").get<std::int64_t>(), value);
      }
    }
    html.raw("</svg></div>\n");
  }
  html.raw("</div>\n");
}

}  // namespace

std::string render_page(const Page& page) {
  Html html;
  add_head(html, page);
  add_models(html, page);
  add_classes(html, page);
  add_tuned(html, page);
  add_confusion(html, page);
  add_curves(html, page);
  add_training(html, page);
  add_folds(html, page);
  add_beats(html, page);
  if (!page.made.empty()) html.add("<p class=\"soft made\">{}</p>\n", escape(page.made));
  html.raw("</body></html>\n");
  return html.take();
}

}  // namespace ekgine
