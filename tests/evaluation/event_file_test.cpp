#include "evaluation/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "base/atomic_file.h"
#include "tests/support/event_reader.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_directory.h"

namespace ekgine {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::FileSizeLimit;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using testing::read_events;
using testing::ReadEvent;
using testing::TemporaryDirectory;
using testing::write_bytes;

// The lines of events.hex, which make_events.py has written by another program.
std::vector<std::string> golden() {
  std::ifstream in(std::string(EKGINE_SOURCE_DIR) + "/tests/evaluation/fixtures/events.hex");
  std::vector<std::string> records;
  for (std::string line; std::getline(in, line);) {
    std::string record;
    for (std::size_t i = 0; i + 1 < line.size(); i += 2) {
      record += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
    }
    records.push_back(record);
  }
  return records;
}

// The PNG file in the last golden record.
std::string golden_png() {
  const std::string record = golden().at(3);
  const std::size_t start = record.find("\x89PNG"), end = record.find("IEND") + 8;
  return record.substr(start, end - start);
}

TEST(EventRecords, AreThoseOfTensorBoardsOwnWriter) {
  const std::vector<std::string> expected = golden();
  ASSERT_EQ(expected.size(), 4u);
  EXPECT_EQ(event_version_record(1700000000.25), expected[0]);
  EXPECT_EQ(event_restart_record(1700000000.5, 3), expected[1]);
  const EventValues values{.step = 3,
                           .scalars = {{"loss/training", 0.75}, {"learning_rate", 5e-4}},
                           .images = {{"confusion_matrix/validation", golden_png()}}};
  EXPECT_EQ(event_records(1700000001.5, values), expected[2] + expected[3]);
  EXPECT_EQ(event_records(1, {.step = 1, .scalars = {}, .images = {}}), "");
}

TEST(EventRecords, KeepWhatIsNoNumber) {
  const TemporaryDirectory folder;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  write_bytes(folder / "events",
              event_records(1, {.step = -1,
                                .scalars = {{"a", infinity}, {"b", std::nan("")}, {"", 1e300}},
                                .images = {}}));
  const ReadEvent event = read_events(folder / "events").at(0);
  EXPECT_EQ(event.step, -1);
  EXPECT_EQ(event.scalars.at("a"), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(event.scalars.at("b")));
  EXPECT_EQ(event.scalars.at(""), std::numeric_limits<float>::infinity());
}

TEST(EventRecords, RefuseWhatIsNoPicture) {
  const auto records = [](const std::string& png) {
    return event_records(1, {.step = 1, .scalars = {}, .images = {{"a", png}}});
  };
  const std::string png = golden_png();
  EXPECT_NO_THROW(records(png));
  EXPECT_ERROR(records(""), "image 'a': is no PNG file");
  EXPECT_ERROR(records(png.substr(0, 25)), "image 'a': is no PNG file");
  EXPECT_ERROR(records("GIF89a" + png), "image 'a': is no PNG file");
  std::string odd = png;
  for (const char colour : {'\x01', '\x05', '\x07', '\xff'}) {
    odd[25] = colour;
    EXPECT_ERROR(records(odd), "image 'a': has PNG's colour type ");
  }
}

class EventFiles : public ::testing::Test {
 protected:
  TemporaryDirectory folder_;
};

TEST_F(EventFiles, GrowEventByEvent) {
  const fs::path path = next_event_file(folder_.path());
  EXPECT_THAT(path.filename().string(), MatchesRegex("events\\.out\\.tfevents\\.[0-9]{10}\\..+"));
  const double start = event_time();
  EventWriter writer(path);
  EXPECT_EQ(read_events(path).size(), 1u);
  for (std::int64_t step = 1; step <= 3; ++step) {
    writer.append(event_records(
        event_time(),
        {.step = step, .scalars = {{"loss", 1.0 / static_cast<double>(step)}}, .images = {}}));
    const std::vector<ReadEvent> events = read_events(path);
    ASSERT_EQ(std::ssize(events), step + 1);
    EXPECT_EQ(events.back().step, step);
    EXPECT_GE(events.back().wall_time, start);
    EXPECT_LE(events.back().wall_time, event_time());
    EXPECT_EQ(events.back().scalars.at("loss"), 1.0F / static_cast<float>(step));
  }
  EXPECT_ERROR(EventWriter{path}, path.string() + ": cannot write: File exists");
  EXPECT_ERROR(EventWriter(folder_ / "none/x"), "none/x: cannot write: No such file");
}

TEST_F(EventFiles, ComeOneAfterAnother) {
  EXPECT_THAT(event_files(folder_ / "none"), IsEmpty());
  write_bytes(folder_ / "history.jsonl", "");
  EXPECT_THAT(event_files(folder_.path()), IsEmpty());
  // A clock that was set back, and several files within a second.
  const fs::path future = folder_ / "events.out.tfevents.9000000000.host.1";
  write_bytes(future, "");
  const fs::path second = next_event_file(folder_.path());
  write_bytes(second, "");
  const fs::path third = next_event_file(folder_.path(), ".evaluation");
  write_bytes(third, "");
  EXPECT_THAT(event_files(folder_.path()), ElementsAre(future, second, third));
  EXPECT_TRUE(third.string().ends_with(".evaluation"));
}

TEST_F(EventFiles, EndWithAWholeRecordOnAFullDisk) {
  const fs::path path = folder_ / "events.out.tfevents.1";
  EventWriter writer(path);
  const std::string records = event_records(2, {.step = 1, .scalars = {{"loss", 1}}, .images = {}});
  writer.append(records);
  const std::string before = read_file(path);
  {
    const FileSizeLimit full(before.size() + 10);
    EXPECT_ERROR(writer.append(records), path.string() + ": cannot write: ");
    EXPECT_EQ(read_file(path), before);
  }
  writer.append(records);
  EXPECT_EQ(read_file(path), before + records);
}

}  // namespace
}  // namespace ekgine
