// Event files: figures and pictures over the course of a training run, as TensorBoard shows them.
//
// A file is TFRecords of the message `Event` (tensorflow/core/util/event.proto), the first of which
// says its version. TensorBoard reads the files of a folder, which it shows as one run, in the
// order of their names, events.out.tfevents.SECONDS.HOST.NUMBER, and watches the last one grow.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ekgine {

// What belongs to one step: names are tags, such as "loss/training", which are grouped by what
// stands before the slash.
struct EventValues {
  std::int64_t step = 0;
  struct Scalar {
    std::string tag;
    double value = 0;  // kept as float, as everywhere in TensorBoard
  };
  struct Image {
    std::string tag;
    std::string png;  // a whole PNG file
  };
  std::vector<Scalar> scalars;
  std::vector<Image> images;
};

// The records of one step. `wall_time` is in seconds since 1970. Errors: an image is no PNG file.
std::string event_records(double wall_time, const EventValues& values);

// The record that a file begins with.
std::string event_version_record(double wall_time);

// Tells readers to forget what files before this one say of `step` and later ones: the work was
// started again from there.
std::string event_restart_record(double wall_time, std::int64_t step);

// Seconds since 1970, now.
double event_time();

// A name in `directory` that no file has and that comes after those of all event files there. It
// ends in `suffix`.
std::filesystem::path next_event_file(const std::filesystem::path& directory,
                                      const std::string& suffix = "");

// The event files in `directory`, in the order they are read; none where there is no such folder.
std::vector<std::filesystem::path> event_files(const std::filesystem::path& directory);

// A file that grows event by event. A reader sees every event as soon as it is added.
class EventWriter {
 public:
  // Creates the file and writes its version. Errors name it.
  explicit EventWriter(std::filesystem::path path);
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;
  ~EventWriter();

  // Appends whole records. Where they do not fit (a full disk) the file stays what it was.
  void append(const std::string& records);

 private:
  std::filesystem::path path_;
  int fd_;
  std::int64_t size_ = 0;
};

}  // namespace ekgine
