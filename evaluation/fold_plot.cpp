#include "evaluation/fold_plot.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>

#include "evaluation/gnuplot.h"

namespace ekgine {

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
  std::string bars, means, ticks, numbers;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const double left = static_cast<double>(g) * (n + 2.6);
    double sum = 0, squares = 0;
    for (std::size_t f = 0; f < folds.size(); ++f) {
      const double value = folds[f].*groups[g].figure, x = left + static_cast<double>(f);
      sum += value;
      bars += fmt::format("{} {:.6g}\n", x, value);
      numbers += fmt::format(
          "set label '{}' at {},graph -0.035 center tc rgb '#6B6B6B' font ',13'\n", f + 1, x);
    }
    const double mean = sum / n;
    for (const FoldFigures& fold : folds) squares += std::pow(fold.*groups[g].figure - mean, 2);
    const double deviation = n > 1 ? std::sqrt(squares / (n - 1)) : 0;
    means += fmt::format("{} {:.6g} {:.6g}\n", left + n + 0.2, mean, deviation);
    numbers += fmt::format(
        "set label 'mean' at {0},graph -0.035 center tc rgb '#222222' font ',13'\n"
        "set label '{1:.3f} ± {2:.3f}' at {3},graph -0.085 center tc rgb '#222222' font ',15'\n"
        "set label '{4}' at {3},graph -0.135 center tc rgb '#222222' font ',16'\n",
        left + n + 0.2, mean, deviation, left + n / 2, groups[g].title);
  }
  picture.data = fmt::format("$bars << EOD\n{}EOD\n$means << EOD\n{}EOD\n", bars, means);
  picture.commands = fmt::format(
      "set lmargin at screen 0.08\nset rmargin at screen 0.97\n"
      "set bmargin at screen 0.16\nset tmargin at screen 0.83\n"
      "set label '{{/:Bold Cross-validation, fold by fold}}' at screen 0.04,0.93 left "
      "tc rgb '#222222' font ',21'\n"
      "set label {} at screen 0.04,0.88 left noenhanced tc rgb '#6B6B6B' font ',15'\n"
      "{}"
      "set border 3 lc rgb '#8A8A8A' lw 1\nunset key\nunset xtics\n"
      "set ytics nomirror out scale 0.6 textcolor rgb '#222222'\n"
      "set grid ytics lt 1 dt solid lc rgb '#E6E6E6' lw 0.8\n"
      "set xrange [-1:{}]\nset yrange [0:1]\nset boxwidth 0.8\nset style fill solid 1 noborder\n"
      "plot $bars using 1:2 with boxes lc rgb '#8DBFDD', $means using 1:2 with boxes "
      "lc rgb '#0072B2', $means using 1:2:3 with yerrorbars lw 1.8 pt 7 ps 0 lc rgb '#222222'",
      gnuplot_string(subtitle), numbers, 3 * (n + 2.6) - 0.8);
  return draw_pictures(directory, std::array{picture});
}

}  // namespace ekgine
