#include "evaluation/plots.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>

#include "base/atomic_file.h"
#include "base/error.h"
#include "evaluation/colours.h"
#include "evaluation/format.h"
#include "evaluation/gnuplot.h"

namespace ekgine {

namespace {

std::string ink_colour() {
  return hex(plot_colours.ink);
}

std::string soft_colour() {
  return hex(plot_colours.soft);
}

std::string series_colour(std::size_t series) {
  return hex(plot_colours.series[series % plot_colours.series.size()]);
}

// gnuplot commands, a line at a time.
class Commands {
 public:
  template <class... Args>
  void add(fmt::format_string<Args...> line, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), line, std::forward<Args>(args)...);
    text_ += '\n';
  }
  // Text at a place of the page; x and y from 0 to 1.
  void label(double x, double y, std::string_view align, std::string_view colour,
             std::string_view font, std::string_view text) {
    add("set label {} at screen {},{} {} noenhanced tc rgb '{}' font '{}'", gnuplot_string(text), x,
        y, align, colour, font);
  }
  // The name of a y axis, centred on `y`. Unlike gnuplot's own it is at one place whatever the
  // ticks.
  void y_label(double x, double y, std::string_view text) {
    add("set label {} at screen {},{} center rotate tc rgb '{}'", gnuplot_string(text), x, y,
        ink_colour());
  }
  void swatch(double x, double y, std::string_view style) {
    add("set arrow from screen {},{} to screen {},{} nohead {}", x, y, x + 0.032, y, style);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string line_style(std::size_t series) {
  const std::size_t dash =
      series / plot_colours.series.size() + 1;  // another dash once colours are used up
  return fmt::format("lw 2.2 lc rgb '{}' dt {}", series_colour(series), dash);
}

void titles(Commands& commands, double left, double height, std::string_view title,
            std::string_view subtitle) {
  commands.add("set label '{{/:Bold {}}}' at screen {},{} left tc rgb '{}' font ',21'", title, left,
               1 - 38 / height, ink_colour());
  commands.label(left, 1 - 64 / height, "left", soft_colour(), ",15", subtitle);
}

void plain_axes(Commands& commands) {
  commands.add("set border 3 lc rgb '{}' lw 1", soft_colour());
  commands.add("set tics nomirror out scale 0.6 textcolor rgb '{}'", ink_colour());
  commands.add("set grid lt 1 dt solid lc rgb '{}' lw 0.8", hex(plot_colours.grid));
  commands.add("unset key");
}

std::string figure_or_dash(const std::optional<double>& value,
                           const std::optional<Interval>& interval) {
  return value ? figure(*value, interval) : "–";
}

Picture confusion_matrix(std::string_view subtitle, const Metrics& metrics) {
  Picture picture{"confusion_matrix", 900, 700, "", ""};
  const std::size_t classes = metrics.classes.size();
  Commands commands;
  // 630 × 525 pixels; the sequences of each row stand to its right.
  commands.add("set lmargin at screen 0.125\nset rmargin at screen 0.825");
  commands.add("set bmargin at screen 0.11\nset tmargin at screen 0.83");
  titles(commands, 0.04, picture.height, "Confusion matrix", subtitle);
  commands.add("unset key\nunset border\nset tics scale 0 textcolor rgb '{}'", ink_colour());
  commands.add("set xrange [-0.5:{0}]\nset yrange [{0}:-0.5]", static_cast<double>(classes) - 0.5);
  commands.add("set xlabel 'Predicted class' tc rgb '{}'", ink_colour());
  commands.y_label(0.045, 0.47, "True class");
  std::string ticks;
  for (std::size_t c = 0; c < classes; ++c) {
    std::string name;
    for (const char letter : metrics.classes[c].name)
      name += letter == '%' ? "%%" : std::string{letter};
    ticks += fmt::format("{}{} {}", c == 0 ? "" : ", ", gnuplot_string(name), c);
  }
  const double size = std::clamp(90.0 / static_cast<double>(classes), 7.0, 18.0);
  commands.add("set xtics ({0}) font ',{1}' noenhanced\nset ytics ({0}) font ',{1}' noenhanced",
               ticks, size);
  commands.add("set label 'sequences' at first {},screen 0.845 center tc rgb '{}' font ',14'",
               static_cast<double>(classes) + 0.05, soft_colour());
  for (std::size_t truth = 0; truth < classes; ++truth) {
    const std::int64_t support = metrics.classes[truth].support;
    commands.add("set label '{}' at {},{} center tc rgb '{}' font ',{}'", grouped(support),
                 static_cast<double>(classes) + 0.05, truth, soft_colour(), size);
    for (std::size_t predicted = 0; predicted < classes; ++predicted) {
      const std::int64_t count = metrics.confusion[truth][predicted];
      const double share =
          support == 0 ? 0 : static_cast<double>(count) / static_cast<double>(support);
      const Colour fill =
          support == 0 ? plot_colours.absent : mixed(plot_colours.none, plot_colours.all, share);
      const std::string ink = hex(ink_on(fill));
      commands.add(
          "set object rectangle center {},{} size 1,1 fc rgb '{}' fs solid 1 border lc rgb "
          "'{}' lw 2.5 back",
          predicted, truth, hex(fill), hex(plot_colours.paper));
      const auto row = static_cast<double>(truth);
      if (count == 0) {
        commands.add("set label '0' at {},{} center front tc rgb '{}' font ',{}'", predicted, row,
                     soft_colour(), size);
        continue;
      }
      commands.add("set label '{}' at {},{} center front tc rgb '{}' font ',{}'", grouped(count),
                   predicted, row - 0.11, ink, size);
      commands.add("set label '{}' at {},{} center front tc rgb '{}' font ',{}'",
                   percent(count, support), predicted, row + 0.17, ink, 0.8 * size);
    }
  }
  commands.add("plot NaN notitle");
  picture.commands = commands.text();
  return picture;
}

// A legend of three columns beside a square plot.
struct LegendRow {
  std::string name, value, extra;
};

void legend(Commands& commands, std::string_view value, std::string_view extra,
            const std::vector<LegendRow>& rows) {
  constexpr double kTop = 0.80, kStep = 0.047;
  commands.label(0.865, kTop, "right", soft_colour(), ",14", value);
  commands.label(0.985, kTop, "right", soft_colour(), ",14", extra);
  for (std::size_t c = 0; c < rows.size(); ++c) {
    const double y = kTop - kStep * static_cast<double>(c + 1);
    const bool drawn = rows[c].value != "–";
    if (drawn) commands.swatch(0.683, y, line_style(c));
    const std::string colour = drawn ? ink_colour() : soft_colour();
    commands.label(0.728, y, "left", colour, ",16", rows[c].name);
    commands.label(0.865, y, "right", colour, ",16", rows[c].value);
    commands.label(0.985, y, "right", soft_colour(), ",16", rows[c].extra);
  }
}

// One curve per class in the unit square, 504 × 504 pixels.
Picture unit_square(std::string name, std::string_view title, std::string_view subtitle,
                    std::string_view x_label, std::string_view y_label,
                    std::span<const std::vector<CurvePoint>> curves, Commands commands,
                    std::string_view before) {
  Picture picture{std::move(name), 900, 700, "", ""};
  commands.add("set lmargin at screen 0.10\nset rmargin at screen 0.66");
  commands.add("set bmargin at screen 0.115\nset tmargin at screen 0.835");
  titles(commands, 0.04, picture.height, title, subtitle);
  plain_axes(commands);
  // A hair beyond the square, so that lines along its edges keep their width.
  commands.add("set xrange [-0.004:1.004]\nset yrange [-0.004:1.012]");
  commands.add("set xtics 0,0.2,1\nset ytics 0,0.2,1");
  commands.add("set xlabel {} tc rgb '{}'", gnuplot_string(x_label), ink_colour());
  commands.y_label(0.022, 0.475, y_label);
  std::string plot = fmt::format("plot {}", before);
  for (std::size_t c = 0; c < curves.size(); ++c) {
    if (curves[c].empty()) continue;
    picture.data += fmt::format("$curve{} << EOD\n", c);
    for (const CurvePoint& point : curves[c]) {
      picture.data += fmt::format("{:.5g} {:.5g}\n", point.x, point.y);
    }
    picture.data += "EOD\n";
    plot += fmt::format(", $curve{} using 1:2 with lines {} notitle", c, line_style(c));
  }
  commands.add("{}", plot);
  picture.commands = commands.text();
  return picture;
}

// One line of the training history.
struct Series {
  std::string_view name;  // in the legend; empty for none
  std::string colour;
  std::function<std::optional<double>(const EpochValues&)> value;
};

// One diagram of the training history.
struct Panel {
  enum class Range { kOfData, kFromZero, kUnit };
  std::string_view title;
  double bottom, top;  // of the page
  Range range;
  std::vector<Series> series;
};

std::vector<Panel> history_panels() {
  using E = EpochValues;
  return {
      {"Loss",
       0.575,
       0.875,
       Panel::Range::kOfData,
       {{"training", series_colour(0), [](const E& e) { return e.train_loss; }},
        {"validation", series_colour(2), [](const E& e) { return e.validation_loss; }}}},
      {"Accuracy and F1",
       0.265,
       0.525,
       Panel::Range::kUnit,
       {{"training accuracy", series_colour(0), [](const E& e) { return e.train_accuracy; }},
        {"validation accuracy", series_colour(2), [](const E& e) { return e.validation_accuracy; }},
        {"validation macro F1", series_colour(3),
         [](const E& e) { return e.validation_macro_f1; }}}},
      {"Learning rate",
       0.085,
       0.215,
       Panel::Range::kFromZero,
       {{"", soft_colour(), [](const E& e) { return e.learning_rate; }}}},
  };
}

// A number of three digits in the room of a tick: 0.01, 2.5×10⁻⁴ in gnuplot's mark-up.
std::string short_number(double value) {
  const int power = static_cast<int>(std::floor(std::log10(value) + 1e-9));
  if (power >= -2 && power <= 3) return fmt::format("{:.3g}", value);
  return fmt::format("{:.3g}×10^{{{}}}", value / std::pow(10, power), power);
}

// A y axis for values from `low` to `high`, never of no height.
std::pair<double, double> axis_range(Panel::Range range, double low, double high) {
  if (range == Panel::Range::kUnit || low > high || (low == 0 && high == 0)) return {0, 1};
  const double margin = high > low ? 0.06 * (high - low) : 0.1 * std::abs(high) + 1e-12;
  // Zero belongs on the axis of positive values unless it would flatten the lines.
  const bool near_zero = low >= 0 && low < 0.6 * high;
  const bool from_zero = range == Panel::Range::kFromZero || near_zero;
  return {from_zero ? 0 : low - margin, high + margin};
}

// Adds the panel's commands, and its data blocks (named after `index`) to `data`.
void add_panel(Commands& commands, std::string& data, const Panel& panel, std::size_t index,
               std::span<const EpochValues> epochs, std::optional<std::int64_t> best_epoch) {
  constexpr double kLegend = 0.745;
  const std::string best_style = fmt::format("lw 1.2 lc rgb '{}' dt 2", soft_colour());
  double low = INFINITY, high = -INFINITY;
  double y = panel.top - 0.012;
  const auto legend_row = [&](std::string_view style, std::string_view name) {
    commands.swatch(kLegend, y, style);
    commands.label(kLegend + 0.043, y, "left", ink_colour(), ",15", name);
    y -= 0.032;
  };

  // Points while there are few enough to see; a single one larger, for want of a line.
  const double point = epochs.size() == 1 ? 1.2 : epochs.size() <= 30 ? 0.55 : 0;
  std::string plot = "plot NaN notitle";
  for (std::size_t s = 0; s < panel.series.size(); ++s) {
    const Series& series = panel.series[s];
    std::string points;
    for (std::size_t e = 0; e < epochs.size(); ++e) {
      const std::optional<double> value = series.value(epochs[e]);
      if (!value || !std::isfinite(*value)) continue;
      points += fmt::format("{} {:.8g}\n", e + 1, *value);
      low = std::min(low, *value);
      high = std::max(high, *value);
    }
    if (points.empty()) continue;
    data += fmt::format("$values{}_{} << EOD\n{}EOD\n", index, s, points);
    plot += fmt::format(
        ", $values{}_{} using 1:2 with linespoints lw 2.2 pt 7 ps {} lc rgb '{}' notitle", index, s,
        point, series.colour);
    if (!series.name.empty()) {
      legend_row(fmt::format("lw 2.2 lc rgb '{}'", series.colour), series.name);
    }
  }
  if (best_epoch && epochs.size() > 1) {
    commands.add("set arrow from {0},graph 0 to {0},graph 1 nohead {1} back", *best_epoch,
                 best_style);
    if (index == 0) legend_row(best_style, fmt::format("epoch kept: {}", *best_epoch));
  }
  const auto [bottom, top] = axis_range(panel.range, low, high);
  commands.add("set yrange [{}:{}]", bottom, top);
  if (panel.range == Panel::Range::kFromZero) {
    commands.add("set ytics (0{})",
                 high > 0 ? fmt::format(", '{}' {:.8g}", short_number(high), high) : "");
  }
  commands.add("set bmargin at screen {}\nset tmargin at screen {}", panel.bottom, panel.top);
  commands.y_label(0.022, 0.5 * (panel.bottom + panel.top), panel.title);
  commands.add("{}\nunset label\nunset arrow", plot);
}

}  // namespace

std::vector<std::string> draw_evaluation(const std::filesystem::path& directory,
                                         std::string_view subtitle, const Metrics& metrics,
                                         std::span<const float> probabilities,
                                         std::span<const std::int32_t> labels) {
  std::vector<std::vector<CurvePoint>> roc, precision_recall;
  std::vector<LegendRow> areas, precisions;
  for (std::size_t c = 0; c < metrics.classes.size(); ++c) {
    const ClassMetrics& figures = metrics.classes[c];
    const ClassIntervals intervals =
        metrics.intervals ? metrics.intervals->classes[c] : ClassIntervals();
    ClassCurves curves = compute_curves(probabilities, labels, metrics.classes.size(), c);
    roc.push_back(std::move(curves.roc));
    precision_recall.push_back(std::move(curves.precision_recall));
    areas.push_back(
        {figures.name, figure_or_dash(figures.auc, intervals.auc), grouped(figures.support)});
    const double prevalence =
        static_cast<double>(figures.support) / static_cast<double>(metrics.sequences);
    precisions.push_back({figures.name,
                          figure_or_dash(figures.average_precision, intervals.average_precision),
                          fmt::format("{:.2g} %", 100 * prevalence)});
  }

  Commands roc_legend, precision_recall_legend;
  legend(roc_legend, "AUC", "sequences", areas);
  legend(precision_recall_legend, "AP", "class share", precisions);
  const std::array pictures{
      confusion_matrix(subtitle, metrics),
      unit_square("roc", "ROC, each class against the rest", subtitle, "False-positive rate",
                  "True-positive rate (recall)", roc, roc_legend,
                  fmt::format("[0:1] x with lines lw 1.2 lc rgb '{}' dt 2 notitle", soft_colour())),
      unit_square("precision_recall", "Precision and recall, each class against the rest", subtitle,
                  "Recall", "Precision", precision_recall, precision_recall_legend, "NaN notitle")};
  return draw_pictures(directory, pictures);
}

PngPicture draw_confusion_matrix(std::string_view subtitle, const Metrics& metrics) {
  // gnuplot draws into files.
  std::string folder = (std::filesystem::temp_directory_path() / "ekgine-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    return {"", fmt::format("{}: cannot create: {}", folder, std::strerror(errno))};
  }
  PngPicture drawn;
  try {
    const Picture picture = confusion_matrix(subtitle, metrics);
    const std::vector<std::string> notes = draw_pictures(folder, std::span(&picture, 1));
    if (notes.empty()) {
      drawn.png = read_file(std::filesystem::path(folder) / (picture.name + ".png"));
    } else {
      drawn.note = notes.front();
    }
  } catch (const Error& error) {
    drawn.note = error.what();
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return drawn;
}

std::vector<std::string> draw_history(const std::filesystem::path& directory,
                                      std::string_view subtitle,
                                      std::span<const EpochValues> epochs,
                                      std::optional<std::int64_t> best_epoch) {
  if (epochs.empty()) fail("{}: there are no epochs to draw", (directory / "history.svg").string());
  Picture picture{"history", 900, 900, "", ""};
  Commands commands;
  commands.add("set multiplot");
  commands.add("set lmargin at screen 0.15\nset rmargin at screen 0.72");
  plain_axes(commands);
  titles(commands, 0.04, picture.height, "Training history", subtitle);
  const auto last = static_cast<double>(epochs.size());
  commands.add("set xrange [{}:{}]", last > 1 ? 1.0 : 0.5, last > 1 ? last : 1.5);
  // A tick per epoch up to ten; beyond that every 2, 5, 10, 20, 50, …
  double step = 1;
  for (int i = 0; last / step > 10; ++i) step *= i % 3 == 1 ? 2.5 : 2;
  commands.add("set xtics {},{}", step, step);

  const std::vector<Panel> panels = history_panels();
  for (std::size_t p = 0; p < panels.size(); ++p) {
    // The panels share the epochs, named under the last one only.
    const bool lowest = p + 1 == panels.size();
    commands.add("set format x '{}'", lowest ? "%g" : "");
    if (lowest) commands.add("set xlabel 'Epoch' tc rgb '{}'", ink_colour());
    add_panel(commands, picture.data, panels[p], p, epochs, best_epoch);
  }
  commands.add("unset multiplot");
  picture.commands = commands.text();
  return draw_pictures(directory, std::span(&picture, 1));
}

}  // namespace ekgine
