#include "evaluation/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/tfrecord.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view name_start = "events.out.tfevents.";

// Numbers of fields: tensorflow/core/util/event.proto and framework/summary.proto.
namespace event {
constexpr int wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7;
}
namespace session_log {
constexpr int status = 1, status_start = 1;
}
namespace summary {
constexpr int value = 1;
}
namespace value {
constexpr int tag = 1, simple_value = 2, image = 4;
}
namespace image {
constexpr int height = 1, width = 2, colorspace = 3, encoded = 4;
}

// What the head of a PNG file says (PNG specification, 11.2.2).
struct PngHead {
  std::int64_t width = 0, height = 0;
  int channels = 0;
};

PngHead read_png_head(const EventValues::Image& picture) {
  constexpr std::string_view signature = "\x89PNG\r\n\x1a\n";
  constexpr std::size_t width_at = 16, height_at = 20, colour_at = 25, head_size = 26;
  const std::string& png = picture.png;
  if (png.size() < head_size || !png.starts_with(signature)) {
    fail("image '{}': is no PNG file", picture.tag);
  }
  const auto big_endian = [&](std::size_t at) {
    std::int64_t number = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      number = number * 256 + static_cast<unsigned char>(png[at + i]);
    }
    return number;
  };
  // Colour types: grey, -, colour, palette of colours, grey and alpha, -, colour and alpha.
  constexpr std::array channels{1, 0, 3, 3, 2, 0, 4};
  const auto colour = static_cast<unsigned char>(png[colour_at]);
  if (colour >= channels.size() || channels[colour] == 0) {
    fail("image '{}': has PNG's colour type {}, which is not defined", picture.tag, colour);
  }
  return {big_endian(width_at), big_endian(height_at), channels[colour]};
}

ProtobufMessage event_at(double wall_time, std::int64_t step) {
  return ProtobufMessage().real(event::wall_time, wall_time).integer(event::step, step);
}

// The SECONDS of a file's name; 0 for other files.
std::int64_t seconds_of(const fs::path& path) {
  const std::string name = path.filename().string();
  std::int64_t seconds = 0;
  if (name.starts_with(name_start)) {
    std::from_chars(name.data() + name_start.size(), name.data() + name.size(), seconds);
  }
  return seconds;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  std::string text = name.data();
  std::ranges::replace(text, '/', '_');
  return text;
}

}  // namespace

std::string event_records(double wall_time, const EventValues& values) {
  ProtobufMessage figures;
  for (const EventValues::Scalar& scalar : values.scalars) {
    figures.message(summary::value,
                    ProtobufMessage()
                        .bytes(value::tag, scalar.tag)
                        .real(value::simple_value, static_cast<float>(scalar.value)));
  }
  std::string records;
  if (!values.scalars.empty()) {
    records +=
        tfrecord(event_at(wall_time, values.step).message(event::summary, figures).encoded());
  }
  // A record each: readers keep scalars by the thousand but only a few images.
  for (const EventValues::Image& picture : values.images) {
    const PngHead head = read_png_head(picture);
    ProtobufMessage pixels;
    pixels.integer(image::height, head.height)
        .integer(image::width, head.width)
        .integer(image::colorspace, head.channels)
        .bytes(image::encoded, picture.png);
    ProtobufMessage shown;
    shown.message(summary::value,
                  ProtobufMessage().bytes(value::tag, picture.tag).message(value::image, pixels));
    records += tfrecord(event_at(wall_time, values.step).message(event::summary, shown).encoded());
  }
  return records;
}

std::string event_version_record(double wall_time) {
  return tfrecord(ProtobufMessage()
                      .real(event::wall_time, wall_time)
                      .bytes(event::file_version, "brain.Event:2")
                      .encoded());
}

std::string event_restart_record(double wall_time, std::int64_t step) {
  return tfrecord(
      event_at(wall_time, step)
          .message(event::session_log,
                   ProtobufMessage().integer(session_log::status, session_log::status_start))
          .encoded());
}

double event_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::vector<fs::path> event_files(const fs::path& directory) {
  std::vector<fs::path> files;
  if (!fs::is_directory(directory)) return files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with(name_start)) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

fs::path next_event_file(const fs::path& directory, const std::string& suffix) {
  auto seconds = static_cast<std::int64_t>(event_time());
  // Clocks may stand still or be set back; the order of the names must not follow them.
  for (const fs::path& file : event_files(directory)) {
    seconds = std::max(seconds, seconds_of(file) + 1);
  }
  return directory /
         fmt::format("{}{:010}.{}.{}{}", name_start, seconds, host_name(), getpid(), suffix);
}

EventWriter::EventWriter(fs::path path)
    : path_(std::move(path)),
      fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644)) {
  if (fd_ < 0) fail("{}: cannot write: {}", path_.string(), std::strerror(errno));
  try {
    append(event_version_record(event_time()));
  } catch (...) {
    ::close(fd_);
    ::unlink(path_.c_str());
    throw;
  }
}

EventWriter::~EventWriter() {
  ::close(fd_);
}

void EventWriter::append(const std::string& records) {
  std::string_view rest = records;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const std::string why = std::strerror(errno);
      // Half a record would end the file for its readers.
      if (::ftruncate(fd_, size_) != 0) {
        fail("{}: cannot write: {}, nor take back half a record", path_.string(), why);
      }
      fail("{}: cannot write: {}", path_.string(), why);
    }
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  size_ += std::ssize(records);
}

}  // namespace ekgine
