#include "base/record_jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;

const auto wrong = []() -> RecordOutcome { fail("it is wrong"); };

// Keeps what is told.
struct Told {
  std::vector<std::string> lines;

  RecordJobs::Report report() {
    return [this](const RecordStatus& record) {
      EXPECT_GE(record.seconds, 0);
      const char* const done = record.outcome.done_already ? "there" : "done";
      lines.push_back(record.record + " " + (record.error ? record.error->what() : done) + " " +
                      std::to_string(record.ended) + "/" + std::to_string(record.of));
    };
  }
};

TEST(RecordJobs, TellOfEach) {
  Told told;
  RecordJobs jobs(told.report(), true);
  jobs.expect(3);
  jobs.run("a", [] { return RecordOutcome{}; });
  jobs.run("b", wrong);
  jobs.run("c", [] { return RecordOutcome{.done_already = true}; });
  EXPECT_THAT(told.lines, ElementsAre("a done 1/3", "b it is wrong 2/3", "c there 3/3"));
  EXPECT_EQ(jobs.records(), 3);
  EXPECT_EQ(jobs.done_already(), 1);
  EXPECT_THAT(jobs.failed(), ElementsAre("b"));
}

TEST(RecordJobs, EndWithTheFirstErrorUnlessTheyGoOn) {
  Told told;
  RecordJobs jobs(told.report());
  jobs.expect(1);
  EXPECT_ERROR(jobs.run("a", wrong), "it is wrong");
  EXPECT_THAT(told.lines, ElementsAre("a it is wrong 1/1"));
}

// What is no error of the record's is nobody's to go on after.
TEST(RecordJobs, EndWithWhatIsNoError) {
  Told told;
  RecordJobs jobs(told.report(), true);
  EXPECT_THROW(jobs.run("a", []() -> RecordOutcome { throw std::runtime_error("interrupted"); }),
               std::runtime_error);
  EXPECT_THAT(told.lines, ElementsAre());
  EXPECT_THAT(jobs.failed(), ElementsAre());
}

TEST(RecordJobs, TellOneAtATime) {
  std::int64_t last = 0;
  RecordJobs jobs([&](const RecordStatus& record) { EXPECT_EQ(record.ended, ++last); }, true);
  jobs.expect(400);
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        if (i % 4 == 0) {
          jobs.run("a", wrong);
        } else {
          jobs.run("a", [] { return RecordOutcome{.done_already = true}; });
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(last, 400);
  EXPECT_EQ(jobs.done_already(), 300);
  EXPECT_EQ(jobs.failed().size(), 100u);
}

}  // namespace
}  // namespace ekgine
