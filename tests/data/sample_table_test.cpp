#include "data/sample_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "data/recording.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using testing::TemporaryDirectory;
using testing::write_bytes;

class TableFile : public ::testing::Test {
 protected:
  SampleTable table(const std::string& text, double rate = 0) {
    write_bytes(folder_ / "r.csv", text);
    return read_sample_table(folder_ / "r.csv", rate);
  }
  std::vector<float> column(const std::string& text, std::size_t column = 0, double rate = 250) {
    return read_table_millivolts(table(text, rate), column);
  }

  TemporaryDirectory folder_;
};

TEST_F(TableFile, OfNumbersAlone) {
  EXPECT_THAT(column("1\n-2.5\n3e-1\n"), ElementsAre(1, -2.5, .3f));
  EXPECT_THAT(column("1,2\r\n3,4", 1), ElementsAre(2, 4));
  EXPECT_THAT(column("1;2\n3;4,5\n", 1), ElementsAre(2, 4.5f));
  EXPECT_THAT(column("1\t2\n\n# note\n3\t4\n", 1), ElementsAre(2, 4));
  EXPECT_THAT(column("  1   2\n 3 4\n", 1), ElementsAre(2, 4));
  EXPECT_EQ(table("1\n2\n", 250).rate, 250);
  const std::vector<float> values = column("1,\nnan,2\n,3\nNULL,4\n-,5\n");
  ASSERT_EQ(values.size(), 5u);
  EXPECT_EQ(values[0], 1);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_TRUE(std::isnan(values[i])) << i;
}

TEST_F(TableFile, WithNamesUnitsAndTimes) {
  const std::string text =
      "\xEF\xBB\xBF# made by hand\nTime [ms],MLII,\"V5 (uV)\",ABP "
      "(mmHg)\n0,1,2,3\n4,5,6,7\n8,9,10,11\n";
  const SampleTable found = table(text);
  EXPECT_EQ(found.rate, 250);
  ASSERT_EQ(found.columns.size(), 3u);
  EXPECT_EQ(found.columns[1].name, "V5");
  EXPECT_EQ(found.columns[1].units, "uV");
  EXPECT_THAT(read_table_millivolts(found, 0), ElementsAre(1, 5, 9));
  EXPECT_THAT(read_table_millivolts(found, 1), ElementsAre(.002f, .006f, .01f));
  EXPECT_ERROR(read_table_millivolts(found, 2), "the units of column ABP are 'mmHg'");
  const Recording recording = open_recording(folder_ / "r");
  EXPECT_EQ(choose_lead(recording, ""), 0u);
  EXPECT_FALSE(recording.leads[2].is_voltage);
  EXPECT_EQ(recording.leads[1].frequency, 250);
  // As rdsamp writes it.
  const SampleTable units = table("'Elapsed time','II'\n'seconds','uV'\n0.000,5\n0.002,6\n");
  EXPECT_EQ(units.rate, 500);
  EXPECT_THAT(read_table_millivolts(units, 0), ElementsAre(.005f, .006f));
  EXPECT_EQ(table("sample,II\n0,5\n1,6\n", 100).columns.size(), 1u);
  EXPECT_EQ(table(",II\n0,5\n1,6\n", 100).columns.size(), 1u);
}

TEST_F(TableFile, WithTimesOfFewDigitsAndGaps) {
  std::string text = "time,II\n";
  for (int i = 0; i < 5000; ++i) {
    if (i < 2000 || i >= 2100) text += fmt::format("{:.3f},{}\n", i / 360.0, i);
  }
  EXPECT_EQ(table(text).rate, 360);
  const std::vector<float> values = column(text, 0, 0);
  ASSERT_EQ(values.size(), 5000u);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i < 2000 || i >= 2100) {
      ASSERT_EQ(values[i], static_cast<float>(i));
    } else {
      ASSERT_TRUE(std::isnan(values[i])) << i;
    }
  }
  EXPECT_ERROR(table(text, 250), "r.csv: the rate is 360 Hz by its times, not 250 Hz");
  EXPECT_EQ(table(text, 360).rate, 360);
}

TEST_F(TableFile, NamesWhatIsWrong) {
  EXPECT_ERROR(table(""), "r.csv: holds no samples");
  EXPECT_ERROR(table("# nothing\n\n"), "r.csv: holds no samples");
  EXPECT_ERROR(table("II,V5\n"), "r.csv: holds no samples");
  EXPECT_ERROR(table("1\n2\n"), "r.csv: has no column of times; give the rate of the samples");
  EXPECT_ERROR(table("time\n1\n2\n"), "r.csv: has no column of samples");
  EXPECT_ERROR(table("time,a\n1,2\n"), "r.csv: has one sample, expected 2 or more");
  EXPECT_ERROR(table("time,a\n1,2\n1,3\n"), "r.csv:3: the time is not after that of the sample");
  EXPECT_ERROR(table("time,a\n1,2\n,3\n"), "r.csv:3: found no time, expected a number");
  EXPECT_ERROR(table("time (days),a\n1,2\n2,3\n"), "r.csv: the times are in 'days', expected s");
  EXPECT_ERROR(table("time,a\n1,2\n2,3\n3,5\n9,7\n10,8\n"), "r.csv: the times are not even: ");
  EXPECT_ERROR(table("a,b\n1,2,3\n", 1),
               "r.csv:2: found 3 columns, expected 2 as in the line of names");
  EXPECT_ERROR(column("1,2\n3\n"), "r.csv:2: found 1 columns, expected 2");
  EXPECT_ERROR(column("1,2\nx\x1b,3\n"), "r.csv:2: found 'x?', expected a number");
  EXPECT_ERROR(column("1\n1e999\n"), "r.csv:2: found '1e999', expected a number");
  EXPECT_ERROR(column("1\n1e300\n"), "r.csv:2: the sample is beyond the range of floats");
  EXPECT_ERROR(column("time,a\n0,1\n1,1\n2,1\n3,1\n4,1\n5,1\n6,1\n7,1\n8,1\n9,1\n1e12,1\n", 0, 0),
               "r.csv:12: more than the 250000000 samples, 100000000 of them in gaps, that can be");
  EXPECT_ERROR(table(std::string((1 << 20) + (1 << 17), '1'), 1),
               "r.csv:1: the line has more than");
  EXPECT_ERROR(table(std::string("\0\x01\0", 3), 1), "r.csv: holds no samples");
  EXPECT_ERROR(read_sample_table(folder_ / "none.csv", 1), "none.csv: cannot open: No such file");
}

}  // namespace
}  // namespace ekgine
