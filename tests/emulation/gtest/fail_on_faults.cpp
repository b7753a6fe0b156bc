// Linked into a test program, makes every test fail that leaves a fault of the emulated device
// behind. A test that provokes faults takes them.
#include <gtest/gtest.h>

#include <string>

#include "emulation/emulation.h"

namespace ekgine::emulation {
namespace {

class FailOnFaults : public ::testing::EmptyTestEventListener {
  void OnTestEnd(const ::testing::TestInfo& /*test*/) override {
    for (const std::string& fault : take_faults()) ADD_FAILURE() << fault;
  }
};

// Listeners of a test's end are called last one first: this one before the printer.
const bool registered = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new FailOnFaults);
  return true;
}();

}  // namespace
}  // namespace ekgine::emulation
