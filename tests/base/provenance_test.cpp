#include "base/provenance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/json.h"
#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

using ::testing::StartsWith;

TEST(Provenance, TellsProgramDeviceAndCommand) {
  set_command("ekgine train --data 'my store'");
  const Provenance made = made_on("a processor, 2 threads");
  EXPECT_THAT(made.tool, StartsWith("ekgine " + std::string(program_version())));
  EXPECT_EQ(made.device, "a processor, 2 threads");
  EXPECT_EQ(made.command, "ekgine train --data 'my store'");
  EXPECT_FALSE(made.empty());
  EXPECT_TRUE(Provenance().empty());
}

TEST(Provenance, ComesBackFromJson) {
  const Provenance made{"ekgine 1.2.3 (commit 0123456789ab+)", "a \"GPU\"", "ekgine\ntrain"};
  EXPECT_EQ(provenance_from_json(to_json(made), "file"), made);
  for (const char* key : {"tool", "device", "command"}) {
    Json stored = to_json(made);
    stored[key] = 3;
    EXPECT_ERROR(provenance_from_json(stored, "file"), std::string("file: '") + key + "'");
    stored.erase(key);
    EXPECT_ERROR(provenance_from_json(stored, "file"),
                 std::string("file: '") + key + "' is missing");
  }
  EXPECT_ERROR(provenance_from_json(4, "file"), "file: 'tool' is missing");
}

}  // namespace
}  // namespace ekgine
