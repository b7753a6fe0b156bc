#include "research/diagram.h"

#include <cmath>

#include "evaluation/colours.h"

namespace ekgine {

std::string colour(std::size_t model) {
  return fmt::format("var(--m{})", model % light_page.models.size());
}

void draw(Html& html, const Diagram& d) {
  constexpr double width = 320, height = 250, left = 52, right = 312, top = 8, bottom = 210;
  const auto x = [&](double v) {
    return left + (v - d.x_min) / (d.x_max - d.x_min) * (right - left);
  };
  const auto y = [&](double v) {
    return bottom - (v - d.y_min) / (d.y_max - d.y_min) * (bottom - top);
  };
  html.add("<div class=card><h3>{}</h3><svg viewBox=\"0 0 {} {}\" role=img aria-label=\"{}\">",
           escape(d.title), width, height, escape(d.title));
  for (const double tick : d.y_ticks) {
    html.add(
        "<path class=axis d=\"M{} {:.1f}H{}\"/><text class=t x={} y={:.1f} font-size=11 "
        "text-anchor=end>{:.4g}</text>",
        left, y(tick), right, left - 6, y(tick) + 4, tick);
  }
  for (const double tick : d.x_ticks) {
    html.add("<text class=t x={:.1f} y={} font-size=11 text-anchor=middle>{:.4g}</text>", x(tick),
             bottom + 16, tick);
  }
  html.add("<text class=t x={} y={} font-size=12 text-anchor=middle>{}</text>", (left + right) / 2,
           height - 8, escape(d.x_label));
  html.add(
      "<text class=t transform=\"translate(10 {}) rotate(-90)\" font-size=12 "
      "text-anchor=middle>{}</text>",
      (top + bottom) / 2, escape(d.y_label));
  if (d.diagonal) {
    html.add("<path class=\"mark dash\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>", x(0), y(0), x(1),
             y(1));
  }
  for (const Line& line : d.lines) {
    if (line.points.size() == 1) {
      html.add("<circle cx={:.1f} cy={:.1f} r=3.5 style=\"fill:{}\"/>", x(line.points[0].x),
               y(line.points[0].y), colour(line.model));
      continue;
    }
    if (line.points.empty()) continue;
    html.add("<path class=\"curve{}\" style=\"stroke:{}\" d=\"", line.dashed ? " dash" : "",
             colour(line.model));
    char command = 'M';
    for (const CurvePoint& point : line.points) {
      html.add("{}{:.1f} {:.1f}", command, x(point.x), y(point.y));
      command = 'L';
    }
    html.raw("\"/>");
  }
  html.add("</svg>{}</div>\n", d.below);
}

}  // namespace ekgine
