#include "evaluation/fold_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/evaluation/pictures.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using testing::expect_picture;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(FoldPlot, ShowsEveryFoldAndTheirMean) {
  if (!testing::gnuplot_installed()) GTEST_SKIP() << "gnuplot is not installed";
  const testing::TemporaryDirectory directory;
  const std::vector<FoldFigures> folds = {{0.54, 0.31, 0.62},
                                          {0.21, 0.11, 0.25},
                                          {0.53, 0.29, 0.6},
                                          {0.29, 0.2, 0.33},
                                          {0.64, 0.4, 0.7}};
  EXPECT_THAT(draw_folds(directory.path(), "Main_Model {a_b}", folds), IsEmpty());
  expect_picture(directory.path(), "folds", 900, 560);
  const std::string svg = read_file(directory / "folds.svg");
  EXPECT_THAT(svg, HasSubstr("Main_Model {a_b}"));
  // Mean and standard deviation (n − 1) of the accuracies.
  EXPECT_THAT(svg, HasSubstr("0.44 ± 0.18"));
  EXPECT_THAT(draw_folds(directory.path(), "one", std::vector<FoldFigures>{{0.5, 0.5, 0.5}}),
              IsEmpty());
}

}  // namespace
}  // namespace ekgine
