#include "data/protocols.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "data/subjects.h"

namespace ekgine {
namespace {

// The records of the program are those of the file that is shipped.
TEST(Protocols, AreTheShippedSplits) {
  for (const Choice<Protocol>& protocol : choices_of(Protocol())) {
    EXPECT_EQ(protocol_split(protocol.value),
              read_split(std::filesystem::path(EKGINE_SOURCE_DIR) / "data/splits" /
                         (std::string(protocol.name) + ".json")));
  }
}

TEST(Protocols, Ds1Ds2LeavesThePacedRecordsOut) {
  const Split split = protocol_split(Protocol::ds1ds2);
  EXPECT_EQ(split.train.size(), 22u);
  EXPECT_EQ(split.test.size(), 22u);
  EXPECT_TRUE(split.validation.empty());
  for (const auto* list : {&split.train, &split.test}) {
    EXPECT_TRUE(std::ranges::is_sorted(*list));
    for (const char* paced : {"102", "104", "107", "217"}) {
      EXPECT_THAT(*list, ::testing::Not(::testing::Contains(paced)));
    }
  }
  check_split(split, "ds1ds2");
}

// What figures are given without is tested, and whose person trains is named.
TEST(Protocols, OutliersAreTestRecords) {
  for (const Choice<Protocol>& protocol : choices_of(Protocol())) {
    const Split split = protocol_split(protocol.value);
    for (const ProtocolOutlier& outlier : protocol_outliers(protocol.value)) {
      EXPECT_THAT(split.test, ::testing::Contains(outlier.record));
      EXPECT_FALSE(outlier.reason.empty());
    }
  }
  EXPECT_EQ(protocol_outliers(Protocol::ds1ds2)[1].record, "202");
}

}  // namespace
}  // namespace ekgine
