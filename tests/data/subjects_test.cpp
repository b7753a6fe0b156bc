#include "data/subjects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ekgine {
namespace {

using ::testing::ElementsAre;

TEST(Subjects, NumberPeopleByTheirFirstRecord) {
  EXPECT_THAT(subjects_of({"100", "202", "101", "201"}), ElementsAre(0, 1, 2, 1));
  EXPECT_THAT(subjects_of({"100", "202", "200"}), ElementsAre(0, 1, 2));
  EXPECT_THAT(subjects_of({}), ElementsAre());
}

std::string told(const Split& split) {
  ::testing::internal::CaptureStderr();
  tell_parted_subjects(split);
  return ::testing::internal::GetCapturedStderr();
}

// One test: a process says each text once.
TEST(Subjects, APatientOnBothSidesIsTold) {
  EXPECT_EQ(told({{"201", "202"}, {"100"}, {"101"}}), "");
  EXPECT_EQ(told({{"201"}, {"100"}, {"101"}}), "");
  EXPECT_EQ(told({{"100"}, {}, {"101", "202", "201"}}), "");
  EXPECT_EQ(told({{"100", "202"}, {"201"}, {}}),
            "records 202 and 201 are of one patient and stand on both sides of the split\n");
  EXPECT_EQ(told({{"201"}, {}, {"202"}}),
            "records 201 and 202 are of one patient and stand on both sides of the split\n");
  EXPECT_EQ(told({{"201"}, {}, {"202"}}), "");
}

}  // namespace
}  // namespace ekgine
