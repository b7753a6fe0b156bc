// What is rare in bxb's output; tests/apps/score_test holds the usual against bxb's own.
#include "evaluation/ec57_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ekgine {
namespace {

using ::testing::HasSubstr;

TEST(Ec57Report, WhatIsNotDefinedIsADash) {
  const std::vector<RecordScore> none = {{"100", {}}};
  EXPECT_EQ(beat_report({"atr", "x"}, none[0], MatrixForm::condensed, false),
            "Beat-by-beat comparison results for record 100\n"
            "Reference annotator: atr\n"
            "     Test annotator: x\n"
            "\n"
            "         Algorithm\n"
            "      n+f+q    v  o+x\n"
            "     ________________\n"
            "  N  |    0    0    0\n"
            "  V  |    0    0    0\n"
            " F+Q |    0    0    0\n"
            " O+X |    0    0\n"
            "\n"
            "           QRS sensitivity:      -  (0/0)\n"
            " QRS positive predictivity:      -  (0/0)\n"
            "           VEB sensitivity:      -  (0/0)\n"
            " VEB positive predictivity:      -  (0/0)\n"
            "   VEB false positive rate:      -  (0/0)\n"
            "\n"
            "\n"
            "  Beats missed in shutdown:      -  (0/0)\n"
            "      N missed in shutdown:      -  (0/0)\n"
            "      V missed in shutdown:      -  (0/0)\n"
            "      F missed in shutdown:      -  (0/0)\n"
            "       Total shutdown time:     0 seconds\n");
  EXPECT_THAT(beat_report({"atr", "x"}, none[0], MatrixForm::whole, true),
              HasSubstr("\n     RMS RR interval error:      -\n"));
  EXPECT_THAT(
      beat_lines(none, true),
      HasSubstr("\n 100     0   0   0   0   0   0   0   0   0   0   0   0    0   0   0   0   0"
                "   0   0      -      -      -      -      -      -      -\n"));
  EXPECT_THAT(beat_summary(none, false), HasSubstr("\nSummary of results from 1 record\n"));
}

// Columns are as wide as they must be: nothing is cut.
TEST(Ec57Report, LargeNumbersAndLongNames) {
  Comparison comparison;
  comparison.matrix.counts[0] = {123456, 12345, 0, 0, 0, 0, 123456};
  comparison.shutdown_seconds = 1234567;
  const std::vector<RecordScore> records = {{"p100/long", comparison}};
  EXPECT_THAT(beat_report({"a", "b"}, records[0], MatrixForm::whole, true),
              HasSubstr("\n N | 123456 12345    0    0    0    0 123456\n"));
  EXPECT_THAT(beat_lines(records, true),
              HasSubstr("\np100/long  123456   0   0   0   0 12345   0"));
  EXPECT_THAT(shutdown_lines(records, false),
              HasSubstr("\np100/long 123456    0    0    0    47.62  47.62      -      - 1234567 "
                        "seconds 259257 0 0 0 0\n"));
}

TEST(Ec57Report, DisagreementsOfNormalAndSupraventricularBeatsVanish) {
  Comparison comparison;
  comparison.disagreements = {{'N', 'S', 1, 2}, {'S', 'V', 3, 4}, {'O', 'S', 5, 5}};
  EXPECT_EQ(disagreement_lines(comparison, true), "N(1)/S(2)\nS(3)/V(4)\nO(5)/S(5)\n");
  EXPECT_EQ(disagreement_lines(comparison, false), "N(3)/V(4)\nO(5)/N(5)\n");
}

}  // namespace
}  // namespace ekgine
