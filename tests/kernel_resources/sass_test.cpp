#include "bench/kernel_resources/sass.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/kernel_resources/load_table.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What cuobjdump prints of a kernel for sm_90 with these instructions, 16 bytes apart.
std::string listing(const std::vector<std::string>& code, const std::string& name = "_Z1kPf") {
  std::string text = "\n\tcode for sm_90\n\t\tFunction : " + name + "\n\t.headerflags\t@\"...\"\n";
  for (std::size_t i = 0; i < code.size(); ++i) {
    text += fmt::format(
        "        /*{:04x}*/                   {} ;      /* 0x00000a00ff017b82 */\n"
        "                                               /* 0x000fe40000000800 */\n",
        16 * i, code[i]);
  }
  return text + "\t\t..........\n";
}

KernelLoads loads_of(const std::vector<std::string>& code) {
  const std::vector<KernelLoads> found = read_kernel_loads(listing(code), "file");
  EXPECT_EQ(found.size(), 1U);
  return found.front();
}

std::string error_of(const std::vector<std::string>& code) {
  try {
    loads_of(code);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(KernelLoads, SayWhichKernelOfWhichArchitecture) {
  const std::string text = listing({"EXIT"}, "_ZN6ekgine7kernels7forwardIfEEvPKT_") +
                           listing({"LDG.E R0, [R2.64]", "EXIT"});
  const std::vector<KernelLoads> found = read_kernel_loads(text, "file");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].file, "file");
  EXPECT_EQ(found[0].kernel, "forward<float>");
  EXPECT_EQ(found[0].architecture, 90);
  EXPECT_EQ(found[0].loads, 0);
  EXPECT_EQ(found[1].kernel, "k");
  EXPECT_EQ(found[1].loads, 1);
}

TEST(KernelLoads, AreInFlightUntilOneIsNeeded) {
  const KernelLoads together =
      loads_of({"LDG.E R4, desc[UR4][R2.64]", "@P0 LDG.E.CONSTANT R5, desc[UR4][R2.64+0x4]",
                "LDG.E R6, desc[UR4][R2.64+0x8]", "FADD R7, R8, R9", "FADD R7, R4, R5", "EXIT"});
  EXPECT_EQ(together.loads, 3);
  EXPECT_EQ(together.in_flight, std::vector{3});
  const KernelLoads apart = loads_of(
      {"LDG.E R4, [R2.64]", "FADD R7, R4, R7", "LDG.E R5, [R2.64]", "FADD R7, R5, R7", "EXIT"});
  EXPECT_EQ(apart.loads, 2);
  EXPECT_EQ(apart.in_flight, std::vector{1});
  // Its address is needed, too.
  EXPECT_EQ(loads_of({"LDG.E.64 R4, [R2.64]", "LDG.E R6, [R4.64]", "EXIT"}).in_flight,
            std::vector{1});
  EXPECT_EQ(
      loads_of({"LDGSTS.E.128 [R4], [R2.64]", "LDGSTS.E.128 [R4+0x10], [R2.64]", "EXIT"}).in_flight,
      std::vector{2});
}

// A load of 16 bytes brings four registers, and some instructions read as many from the one they
// name on.
TEST(KernelLoads, KnowHowWideOperandsAre) {
  const auto in_flight_before = [](const std::string& load, const std::string& use) {
    return loads_of({load, use, "LDG.E R20, [R2.64]", "EXIT"}).in_flight.front();
  };
  EXPECT_EQ(in_flight_before("LDG.E.128 R4, [R2.64]", "FADD R8, R7, R8"), 1);
  EXPECT_EQ(in_flight_before("LDG.E.128 R4, [R2.64]", "FADD R8, R3, R8"), 2);
  EXPECT_EQ(in_flight_before("LDG.E.64 R4, [R2.64]", "FADD R8, R6, R8"), 2);
  // Four registers from R12 on, and four from R4 on.
  EXPECT_EQ(in_flight_before("LDG.E.ENL2.256 R12, R4, [R2.64]", "FADD R16, R7, R16"), 1);
  EXPECT_EQ(in_flight_before("LDG.E.ENL2.256 R12, R4, [R2.64]", "FADD R16, R15, R16"), 1);
  EXPECT_EQ(in_flight_before("LDG.E.ENL2.256 R12, R4, [R2.64]", "FADD R16, R8, R16"), 2);
  // Addresses have their own width: of global memory two registers, of shared memory one.
  EXPECT_EQ(in_flight_before("LDG.E R6, [R2.64]", "STS.128 [R4], R8"), 2);
  EXPECT_EQ(in_flight_before("LDG.E R4, [R2.64]", "STS.128 [R4], R8"), 1);
  EXPECT_EQ(in_flight_before("LDG.E R6, [R2.64]", "LDG.E.128.SYS R8, [R4]"), 3);
  EXPECT_EQ(in_flight_before("LDG.E R5, [R2.64]", "LDG.E.SYS R8, [R4]"), 2);
  EXPECT_EQ(in_flight_before("LDG.E R5, [R2.64]", "LDG.E R8, [R4.U32+UR4]"), 3);
  EXPECT_EQ(in_flight_before("LDG.E R5, [R2.64]", "DADD R8, R4, R8"), 1);
  EXPECT_EQ(in_flight_before("LDG.E R5, [R2.64]", "FADD R8, R4, R8"), 2);
  EXPECT_EQ(in_flight_before("LDG.E R7, [R2.64]", "HMMA.1688.F32.TF32 R8, R4, R12, R8"), 1);
  EXPECT_EQ(in_flight_before("LDG.E R4, [R2.64]", "IADD3 R8, -R4, UR4, RZ"), 1);
}

// The loop from 0 on whose load can be jumped over.
TEST(KernelLoads, TellOfABranchAroundALoad) {
  const KernelLoads around =
      loads_of({"ISETP.GE.AND P0, PT, R0, R1, PT", "@P0 BRA 0x40", "LDG.E R4, [R2.64]",
                "FADD R5, R4, R5", "IADD3 R0, R0, 0x1, RZ", "@!P1 BRA 0x0", "EXIT"});
  EXPECT_EQ(around.loads, 1);
  EXPECT_EQ(around.passed_by, 1);
  const KernelLoads predicated =
      loads_of({"ISETP.GE.AND P0, PT, R0, R1, PT", "@!P0 LDG.E R4, [R2.64]", "FADD R5, R4, R5",
                "IADD3 R0, R0, 0x1, RZ", "@!P1 BRA 0x0", "EXIT"});
  EXPECT_EQ(predicated.loads, 1);
  EXPECT_EQ(predicated.passed_by, 0);
  // Not in a loop: a branch around it costs little.
  EXPECT_EQ(loads_of({"@P0 BRA 0x20", "LDG.E R4, [R2.64]", "EXIT"}).passed_by, 0);
}

TEST(KernelLoads, BelongToTheirInnermostLoop) {
  // The inner loop, 0x10 to 0x30, is jumped over in some turns of the outer one, 0x0 to 0x50.
  const KernelLoads nested =
      loads_of({"@P0 BRA 0x40", "LDG.E R4, [R2.64]", "FADD R5, R4, R5", "@P1 BRA 0x10",
                "IADD3 R0, R0, 0x1, RZ", "@P2 BRA 0x0", "LDG.E R6, [R2.64]", "EXIT"});
  EXPECT_EQ(nested.loads, 1);  // the last is in none
  EXPECT_EQ(nested.passed_by, 0);
}

TEST(KernelLoads, AreToldOfEachLoop) {
  // From 0x0 on with one at once, from 0x30 on with two; within the latter from 0x60 on with one.
  const KernelLoads found =
      loads_of({"LDG.E R4, [R2.64]", "FADD R5, R4, R5", "@P0 BRA 0x0", "LDG.E R6, [R2.64]",
                "LDG.E R7, [R2.64]", "FADD R8, R6, R7", "LDG.E R9, [R2.64]", "FADD R8, R9, R8",
                "@P1 BRA 0x60", "@P2 BRA 0x30", "EXIT"});
  EXPECT_EQ(found.loads, 4);
  EXPECT_THAT(found.in_flight, ElementsAre(2, 1, 1));
}

// Every turn that is finished has loaded.
TEST(KernelLoads, OfALoopThatIsLeftInTheMiddleAreNotPassedBy) {
  const KernelLoads found = loads_of({"LDG.E R4, [R2.64]", "@P0 BRA 0x50", "LDG.E R5, [R2.64]",
                                      "FADD R6, R4, R5", "BRA 0x0", "EXIT"});
  EXPECT_EQ(found.loads, 2);
  EXPECT_EQ(found.passed_by, 0);
  // One that goes on from two places, before and behind the second load.
  EXPECT_EQ(loads_of({"LDG.E R4, [R2.64]", "@P0 BRA 0x0", "LDG.E R5, [R2.64]", "FADD R6, R4, R5",
                      "@P1 BRA 0x0", "EXIT"})
                .passed_by,
            1);
}

// What stands behind a loop is no merit of it.
TEST(KernelLoads, OfALoopEndWithIt) {
  const KernelLoads found =
      loads_of({"LDG.E R4, [R2.64]", "FADD R5, R4, R5", "@P1 BRA 0x0", "LDG.E R6, [R2.64]",
                "LDG.E R7, [R2.64]", "FADD R8, R6, R7", "EXIT"});
  EXPECT_EQ(found.loads, 1);
  EXPECT_EQ(found.in_flight, std::vector{1});
}

TEST(KernelLoads, AreWaitedForWithoutNamingARegister) {
  // Copies to shared memory.
  EXPECT_EQ(loads_of({"LDGSTS.E.128 [R4], [R2.64]", "LDGDEPBAR", "DEPBAR.LE SB0, 0x0",
                      "LDGSTS.E.128 [R4], [R2.64]", "EXIT"})
                .in_flight,
            std::vector{1});
  // The function may read R4.
  EXPECT_EQ(
      loads_of({"LDG.E R4, [R2.64]", "CALL.REL.NOINC 0x30", "LDG.E R5, [R2.64]", "EXIT"}).in_flight,
      std::vector{1});
}

TEST(KernelLoads, AreCountedTogetherWhereNobodyJumpsBetween) {
  // Behind the branch that may leave, the code goes on.
  EXPECT_EQ(loads_of({"LDG.E R4, [R2.64]", "@P0 BRA 0x40", "LDG.E R5, [R2.64]", "FADD R6, R4, R5",
                      "EXIT"})
                .in_flight,
            std::vector{2});
  // 0x20 is jumped to.
  EXPECT_EQ(loads_of({"@P0 BRA 0x20", "LDG.E R4, [R2.64]", "LDG.E R5, [R2.64]", "FADD R6, R4, R5",
                      "EXIT"})
                .in_flight,
            std::vector{1});
}

TEST(KernelLoads, KnowJumpsOfAllKinds) {
  // By a uniform predicate, and for the threads that are not together: both may go on below.
  for (const char* jump : {"BRA.U UP0, 0x30", "BRA.DIV UR4, 0x30", "BRA P0, 0x30"}) {
    const KernelLoads found =
        loads_of({jump, "LDG.E R4, [R2.64]", "FADD R5, R4, R5", "@P1 BRA 0x0", "EXIT"});
    EXPECT_EQ(found.loads, 1) << jump;
    EXPECT_EQ(found.passed_by, 1) << jump;
  }
  EXPECT_EQ(error_of({"BRA 0x1000", "EXIT"}), "a jump to nowhere at 0x0: BRA 0x1000");
}

TEST(KernelLoads, TellOfLocalMemory) {
  EXPECT_EQ(loads_of({"STL.64 [R1], R4", "LDL R4, [R1+0x4]", "EXIT"}).local, 2);
}

TEST(KernelLoads, RefuseATextWithoutAKernel) {
  EXPECT_THROW(read_kernel_loads("code for sm_90\n", "file"), Error);
}

// ------------------------------------------------------------------------------------ the table

std::vector<KernelLoads> two_kernels() {
  return {
      {.file = "a", .kernel = "f<float>", .architecture = 80, .loads = 9, .in_flight = {4}},
      {.file = "a", .kernel = "f<float>", .architecture = 90, .loads = 9, .in_flight = {8, 4, 1}},
      {.file = "b",
       .kernel = "g",
       .architecture = 90,
       .loads = 5,
       .in_flight = {2},
       .passed_by = 3}};
}

std::vector<std::string> offences_after(
    const std::function<void(std::vector<KernelLoads>&)>& change) {
  const std::string table = load_table(two_kernels());
  std::vector<KernelLoads> kernels = two_kernels();
  change(kernels);
  return load_offences(kernels, table, "loads.md");
}

TEST(LoadTable, HasARowForEveryKernel) {
  EXPECT_THAT(load_table(two_kernels()),
              ::testing::EndsWith("\n## a\n\n"
                                  "| kernel | sm_80 | sm_90 |\n"
                                  "| --- | ---: | ---: |\n"
                                  "| `f<float>` | 4 of 9 | 8+4+1 of 9 |\n"
                                  "\n## b\n\n"
                                  "| kernel | sm_80 | sm_90 |\n"
                                  "| --- | ---: | ---: |\n"
                                  "| `g` | – | 2 of 5 (3) |\n"));
}

TEST(LoadTable, AllowsWhatItSaysAndBetter) {
  EXPECT_THAT(offences_after([](auto&) {}), IsEmpty());
  EXPECT_THAT(offences_after([](auto& k) { k[0].in_flight = {6}, k[0].loads = 20; }), IsEmpty());
  EXPECT_THAT(offences_after([](auto& k) { k[1].in_flight.pop_back(); }), IsEmpty());
  EXPECT_THAT(offences_after([](auto& k) { k[1].in_flight.push_back(1); }), IsEmpty());
  EXPECT_THAT(offences_after([](auto& k) { k[2].passed_by = 0; }), IsEmpty());
  EXPECT_THAT(offences_after([](auto& k) { k.erase(k.begin()); }), IsEmpty());
}

TEST(LoadTable, RefusesWhatIsWorse) {
  EXPECT_THAT(offences_after([](auto& k) { k[1].in_flight[0] = 7; }),
              ElementsAre("a: f<float>: sm_90: 7+4+1 loads in flight, the budget is 8+4+1"));
  EXPECT_THAT(offences_after([](auto& k) { k[1].in_flight[1] = 1; }),
              ElementsAre("a: f<float>: sm_90: 8+1+1 loads in flight, the budget is 8+4+1"));
  EXPECT_THAT(
      offences_after([](auto& k) { k[2].passed_by = 4; }),
      ElementsAre("b: g: sm_90: a branch leads around 4 loads of its loops, the budget is 3"));
  EXPECT_THAT(offences_after([](auto& k) { k[0].passed_by = 1; }),
              ElementsAre("a: f<float>: sm_80: a branch leads around 1 loads of its loops, the "
                          "budget is 0"));
  EXPECT_THAT(offences_after([](auto& k) { k[0].local = 2; }),
              ElementsAre("a: f<float>: sm_80: 2 accesses to local memory, none is allowed"));
}

TEST(LoadTable, WantsTheSameKernels) {
  EXPECT_THAT(offences_after([](auto& k) { k[2].kernel = "h"; }),
              ElementsAre("b: h: sm_90: not in loads.md", "b: g: in loads.md, but in no listing"));
  EXPECT_THAT(offences_after([](auto& k) { k[2].architecture = 80; }),
              ElementsAre("b: g: sm_80: not in loads.md"));
}

}  // namespace
}  // namespace ekgine
