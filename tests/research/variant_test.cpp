#include "research/variant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/support/expect_error.h"

namespace ekgine::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TrainOptions base() {
  TrainOptions options;
  options.train_records = {"901"};
  options.threads = 1;
  options.model.dropout = 0.3;
  return options;
}

TEST(Variant, HasOptionsOfItsOwn) {
  const Variant variant = variant_of(
      base(), "Rhythm_Model:features=shape:ensemble-size=3:learning-rate=2e-3:pseudo-records=true");
  EXPECT_EQ(variant.name,
            "Rhythm_Model:features=shape:ensemble-size=3:learning-rate=2e-3:pseudo-records=true");
  EXPECT_THAT(variant.own,
              ElementsAre("ensemble-size", "features", "learning-rate", "pseudo-records"));
  TrainOptions expected = base();
  expected.model.name = "Rhythm_Model";
  expected.model.features = FeatureSet::shape;
  expected.model.ensemble_size = 3;
  expected.learning_rate = 2e-3;
  expected.pseudo_records = true;
  EXPECT_EQ(variant.options.to_json(), expected.to_json());
}

TEST(Variant, IsAnArchitectureAlone) {
  const Variant variant = variant_of(base(), "Baseline_Model");
  EXPECT_THAT(variant.own, IsEmpty());
  EXPECT_EQ(variant.options.model.name, "Baseline_Model");
}

TEST(Variant, RefusesWhatNoModelCanBe) {
  const auto refused = [](const std::string& text, const std::string& why) {
    EXPECT_ERROR(variant_of(base(), text), "models: " + text + ": " + why);
  };
  refused("Other:dropout=0.1", "model 'Other' is unknown");
  refused("", "model '' is unknown");
  refused("Rhythm_Model:", "expected OPTION=VALUE, got ''");
  refused("Rhythm_Model:features", "expected OPTION=VALUE, got 'features'");
  refused("Rhythm_Model:features=rhythm=shape",
          "expected OPTION=VALUE, got 'features=rhythm=shape'");
  refused("Rhythm_Model:features=rhythm:features=shape", "features is set twice");
  refused("Rhythm_Model:features=rhytm",
          "features must be one of rhythm+shape, rhythm, shape, scalogram, rhythm+scalogram, "
          "shape+scalogram, rhythm+shape+scalogram, got 'rhytm'; did you mean rhythm?");
  refused("Rhythm_Model:num-heads=two", "num heads cannot be 'two'");
  refused("Rhythm_Model:num-heads=2.5", "num heads cannot be '2.5'");
  refused("Rhythm_Model:num-heads=", "num heads cannot be ''");
  refused("Rhythm_Model:num-heads=0", "num heads must be 1 to 256, got 0");
  refused("Rhythm_Model:learning-rate=-1", "learning rate must be");
  refused("Rhythm_Model:pseudo-records=yes", "pseudo records cannot be 'yes'");
  // What another architecture has, what runs work on, and what the name says already.
  refused("Main_Model:features=rhythm",
          "'features' is no option that a Main_Model can have for itself (sequence-length, ");
  refused("Rhythm_Model:epochs=3", "'epochs' is no option that a Rhythm_Model can have for itself");
  refused("Rhythm_Model:data=store", "'data' is no option that");
  refused("Rhythm_Model:model=Main_Model", "'model' is no option that");
}

}  // namespace
}  // namespace ekgine::testing
