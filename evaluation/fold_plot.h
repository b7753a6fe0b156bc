// The picture of a cross-validation.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ekgine {

struct FoldFigures {
  double accuracy = 0, macro_f1 = 0, weighted_f1 = 0;
};

// Draws folds.svg and folds.png: a bar per fold, and their mean with one standard deviation (n − 1)
// either way, of each figure. Returns notes for the report, as draw_pictures() in
// evaluation/gnuplot.h does; its errors.
std::vector<std::string> draw_folds(const std::filesystem::path& directory,
                                    std::string_view subtitle, std::span<const FoldFigures> folds);

}  // namespace ekgine
