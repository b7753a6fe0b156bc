#include "model/state_dict.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

NamedArray ones(std::vector<std::int64_t> shape) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  return {std::move(shape), std::vector<float>(count, 1)};
}

const StateDict three_arrays = {{"features.norm1.weight", ones({32})},
                                {"features.norm1.running_mean", ones({32})},
                                {"features.norm1.running_variance", ones({32})},
                                {"classifier.weight", ones({128, 5})},
                                {"normalisation.mean", ones({187})}};

TEST(StateDict, ShapesAsText) {
  EXPECT_EQ(shape_text({}), "()");
  EXPECT_EQ(shape_text(std::vector<std::int64_t>{5}), "(5)");
  EXPECT_EQ(shape_text(std::vector<std::int64_t>{3, 3, 1, 32}), "(3,3,1,32)");
}

TEST(StateDict, CountsWhatTrainingChangesByGradients) {
  EXPECT_EQ(count_trainable(three_arrays), 32 + 128 * 5);
  EXPECT_EQ(count_trainable({}), 0);
}

TEST(StateDict, Describe) {
  EXPECT_EQ(describe(three_arrays),
            "name                             shape        size\n"
            "classifier.weight                (128,5)       640\n"
            "features.norm1.running_mean      (32)           32\n"
            "features.norm1.running_variance  (32)           32\n"
            "features.norm1.weight            (32)           32\n"
            "normalisation.mean               (187)         187\n"
            "672 trainable parameters\n");
}

TEST(StateDict, FindsWhatIsNotFinite) {
  EXPECT_NO_THROW(check_finite(three_arrays, "w"));
  StateDict bad = three_arrays;
  bad["classifier.weight"].values[639] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_ERROR(check_finite(bad, "w"),
               "w: classifier.weight holds nan at element 639, expected finite numbers");
  bad = three_arrays;
  bad["normalisation.mean"].values[0] = -std::numeric_limits<float>::infinity();
  EXPECT_ERROR(check_finite(bad, "w"), "w: normalisation.mean holds -inf at element 0");
}

}  // namespace
}  // namespace ekgine
