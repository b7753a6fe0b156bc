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

}  // namespace
}  // namespace ekgine
