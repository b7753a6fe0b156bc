#include "base/beat.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

TEST(Beat, AmplitudesHaveNames) {
  EXPECT_EQ(amplitude_from_name("mV"), Amplitude::millivolts);
  EXPECT_EQ(amplitude_from_name("centred"), Amplitude::centred);
  EXPECT_EQ(amplitude_from_name("deviation"), Amplitude::deviation);
  EXPECT_EQ(amplitude_from_name("record"), Amplitude::record);
  EXPECT_ERROR(amplitude_from_name("MV"),
               "amplitude must be mV, centred, record or deviation, got 'MV'");
}

}  // namespace
}  // namespace ekgine
