#include "base/beat.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

TEST(BeatUnit, HasAName) {
  for (const BeatUnit unit :
       {BeatUnit::millivolts, BeatUnit::centred, BeatUnit::record, BeatUnit::deviation}) {
    EXPECT_EQ(beat_unit_from_name(beat_unit_name(unit)), unit);
  }
  EXPECT_EQ(beat_unit_from_name("mV"), BeatUnit::millivolts);
  EXPECT_EQ(beat_unit_from_name("centred"), BeatUnit::centred);
  EXPECT_EQ(beat_unit_from_name("deviation"), BeatUnit::deviation);
  EXPECT_EQ(beat_unit_from_name("record"), BeatUnit::record);
  EXPECT_ERROR(beat_unit_from_name("MV"),
               "amplitude must be mV, centred, record or deviation, got 'MV'");
}

}  // namespace
}  // namespace ekgine
