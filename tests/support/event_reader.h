// Reads TFRecord files back, for tests: records with their checksums, and the fields of messages,
// which are events or tf.train.Examples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ekgine::testing {

struct ReadEvent {
  double wall_time = 0;
  std::int64_t step = 0;
  std::string version;   // of the file, in its first event
  bool restart = false;  // a session starts
  std::map<std::string, float> scalars;
  struct Image {
    std::int64_t width = 0, height = 0, channels = 0;
    std::string png;
  };
  std::map<std::string, Image> images;
};

// What a reader does with a last record that is cut off: a process was killed while it wrote.
enum class CutEnd { refuse, ignore };

// The data of the records. Throws std::runtime_error where a record is cut off or its checksums are
// wrong.
std::vector<std::string> read_tfrecords(std::string_view file, CutEnd end = CutEnd::refuse);

// Throws also where a message is malformed or has a field that ekgine does not write.
std::vector<ReadEvent> read_events(const std::filesystem::path& path, CutEnd end = CutEnd::refuse);

// What TensorBoard shows of a folder: all its files in the order of their names, without what a
// later restart takes back and without records that are cut off. Throws also where a tag has two
// values at one step.
std::map<std::string, std::map<std::int64_t, float>> shown_scalars(
    const std::filesystem::path& directory);
std::map<std::string, std::map<std::int64_t, ReadEvent::Image>> shown_images(
    const std::filesystem::path& directory);

// The features of a tf.train.Example, by name.
struct ReadExample {
  std::map<std::string, std::vector<std::int64_t>> integers;
  std::map<std::string, std::vector<std::string>> bytes;
};

// Throws where the message is malformed, holds other things, or a name twice.
ReadExample read_example(std::string_view message);

}  // namespace ekgine::testing
