// Diagrams of curves, as SVG inside of HTML. The page's style has their colours.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/html.h"
#include "evaluation/metrics.h"

namespace ekgine {

// The CSS colour of the models in the order of the page.
std::string colour(std::size_t model);

// A line of a diagram.
struct Line {
  std::vector<CurvePoint> points;
  std::size_t model = 0;
  bool dashed = false;
};

struct Diagram {
  std::string title, x_label, y_label;
  double x_min = 0, x_max = 1, y_min = 0, y_max = 1;
  std::vector<double> x_ticks = {}, y_ticks = {};
  bool diagonal = false;
  std::vector<Line> lines = {};
  std::string below = {};  // HTML under the diagram
};

// Adds a card with the diagram. A line of one point is a dot.
void draw(Html& html, const Diagram& d);

}  // namespace ekgine
