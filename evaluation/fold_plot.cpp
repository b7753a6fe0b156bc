#include "evaluation/fold_plot.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>
#include <optional>

#include "evaluation/colours.h"
#include "evaluation/format.h"
#include "evaluation/gnuplot.h"

namespace ekgine {

namespace {

struct Spread {
  double mean = 0;
  std::optional<double> deviation;  // n − 1; none of one fold
};

Spread spread_of(std::span<const FoldFigures> folds, double FoldFigures::*figure) {
  const auto n = static_cast<double>(folds.size());
  double sum = 0, squares = 0;
  for (const FoldFigures& fold : folds) sum += fold.*figure;
  for (const FoldFigures& fold : folds) squares += std::pow(fold.*figure - sum / n, 2);
  return {sum / n, n > 1 ? std::optional(std::sqrt(squares / (n - 1))) : std::nullopt};
}

// Bars of folds are full, that of the mean is hollow: the spread is read on it, too.
std::string settings(std::string_view subtitle, std::string_view labels, double last_x) {
  const std::string ink = hex(plot_colours.ink), soft = hex(plot_colours.soft);
  return fmt::format(
      "set lmargin at screen 0.08\nset rmargin at screen 0.97\n"
      "set bmargin at screen 0.16\nset tmargin at screen 0.83\n"
      "set label '{{/:Bold Cross-validation, fold by fold}}' at screen 0.04,0.93 left "
      "tc rgb '{0}' font ',21'\n"
      "set label {2} at screen 0.04,0.88 left noenhanced tc rgb '{1}' font ',15'\n"
      "{3}"
      "set border 3 lc rgb '{1}' lw 1\nunset key\nunset xtics\n"
      "set ytics nomirror out scale 0.6 textcolor rgb '{0}'\n"
      "set grid ytics lt 1 dt solid lc rgb '{4}' lw 0.8\n"
      "set xrange [-1:{5}]\nset yrange [0:1]\nset boxwidth 0.8\nset style fill solid 1 noborder\n"
      "plot $bars using 1:2 with boxes lc rgb '{6}', $means using 1:2 with boxes lc rgb '{7}' "
      "fs solid 1 border lc rgb '{0}', $means using 1:2:3 with yerrorbars lw 1.8 pt 7 ps 0 "
      "lc rgb '{0}'",
      ink, soft, gnuplot_string(subtitle), labels, hex(plot_colours.grid), last_x,
      hex(plot_colours.series[0]), hex(plot_colours.none));
}

}  // namespace

std::vector<std::string> draw_folds(const std::filesystem::path& directory,
                                    std::string_view subtitle, std::span<const FoldFigures> folds) {
  struct Group {
    const char* title;
    double FoldFigures::*figure;
  };
  constexpr std::array groups{Group{"accuracy", &FoldFigures::accuracy},
                              Group{"macro F1", &FoldFigures::macro_f1},
                              Group{"weighted F1", &FoldFigures::weighted_f1}};
  Picture picture{"folds", 900, 560, "", ""};
  const auto n = static_cast<double>(folds.size());
  std::string bars, means, labels;
  const auto label = [&](std::string_view text, double x, double y, Colour colour, int size) {
    labels += fmt::format("set label '{}' at {},graph {} center tc rgb '{}' font ',{}'\n", text, x,
                          y, hex(colour), size);
  };
  // Numbers of folds that stand too close are left out, all but every other, fifth, …
  const std::size_t every = folds.size() <= 12 ? 1 : folds.size() <= 24 ? 2 : folds.size() / 5;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const double left = static_cast<double>(g) * (n + 2.6);
    for (std::size_t f = 0; f < folds.size(); ++f) {
      const double x = left + static_cast<double>(f);
      bars += fmt::format("{} {:.6g}\n", x, folds[f].*groups[g].figure);
      if (f % every == 0) label(fmt::format("{}", f + 1), x, -0.035, plot_colours.soft, 13);
    }
    const Spread of = spread_of(folds, groups[g].figure);
    const double mean_x = left + n + 0.2;
    means += fmt::format("{} {:.6g} {:.6g}\n", mean_x, of.mean, of.deviation.value_or(0));
    label("mean", mean_x, -0.035, plot_colours.ink, 13);
    label(spread(of.mean, of.deviation), left + n / 2, -0.085, plot_colours.ink, 15);
    label(groups[g].title, left + n / 2, -0.135, plot_colours.ink, 16);
  }
  picture.data = fmt::format("$bars << EOD\n{}EOD\n$means << EOD\n{}EOD\n", bars, means);
  picture.commands = settings(subtitle, labels, 3 * (n + 2.6) - 0.8);
  return draw_pictures(directory, std::array{picture});
}

}  // namespace ekgine
