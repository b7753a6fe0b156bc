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

// By the names that PhysioNet's databases give their excerpts.
TEST(Subjects, ExcerptsAreOfThePersonOfTheirSource) {
  EXPECT_THAT(of_same_subjects({"sel100", "sel103", "sele0104", "sel16265", "sel30"}, {"100"}),
              ElementsAre("sel100"));
  EXPECT_THAT(of_same_subjects({"e0104", "e0105"}, {"sele0104"}), ElementsAre("e0104"));
  EXPECT_THAT(of_same_subjects({"118e06", "119e_6", "1190", "118"}, {"119", "sel118"}),
              ElementsAre("118e06", "119e_6", "118"));
  EXPECT_THAT(of_same_subjects({"201", "sel202", "203"}, {"202"}), ElementsAre("201", "sel202"));
  EXPECT_THAT(of_same_subjects({"a/100", "a/101"}, {"b/100"}), ElementsAre("a/100"));
  EXPECT_THAT(of_same_subjects({"sel", "a"}, {"", "sel"}), ElementsAre("sel"));
  EXPECT_THAT(of_same_subjects({"100"}, {}), ElementsAre());
}

}  // namespace
}  // namespace ekgine
