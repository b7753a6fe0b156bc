#include "tests/support/event_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <stdexcept>

#include "base/atomic_file.h"
#include "base/tfrecord.h"

namespace ekgine::testing {

namespace fs = std::filesystem;

namespace {

void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(what);
}

template <class T>
T take(std::string_view& bytes) {
  require(bytes.size() >= sizeof(T), "cut off");
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

std::uint64_t take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    require(shift < 64, "an endless integer");
    const auto byte = take<std::uint8_t>(bytes);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
}

std::string_view take_bytes(std::string_view& bytes) {
  const std::uint64_t size = take_varint(bytes);
  require(size <= bytes.size(), "cut off");
  const std::string_view taken = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return taken;
}

// Calls `on_field(key, rest)`, which takes the value off the rest; key: field · 8 + wire type.
void for_each_field(std::string_view message,
                    const std::function<bool(std::uint64_t, std::string_view&)>& on_field) {
  while (!message.empty()) {
    const std::uint64_t key = take_varint(message);
    require(on_field(key, message), "a field that is not expected");
  }
}

constexpr std::uint64_t integer(std::uint64_t field) {
  return field << 3;
}
constexpr std::uint64_t bits64(std::uint64_t field) {
  return field << 3 | 1;
}
constexpr std::uint64_t bytes(std::uint64_t field) {
  return field << 3 | 2;
}
constexpr std::uint64_t bits32(std::uint64_t field) {
  return field << 3 | 5;
}

void read_value(std::string_view message, ReadEvent& event) {
  std::string tag;
  for_each_field(message, [&](std::uint64_t key, std::string_view& rest) {
    if (key == bytes(1)) {
      tag = take_bytes(rest);
    } else if (key == bits32(2)) {
      event.scalars[tag] = take<float>(rest);
    } else if (key == bytes(4)) {
      ReadEvent::Image& image = event.images[tag];
      for_each_field(take_bytes(rest), [&](std::uint64_t inner, std::string_view& more) {
        if (inner == integer(1)) {
          image.height = static_cast<std::int64_t>(take_varint(more));
        } else if (inner == integer(2)) {
          image.width = static_cast<std::int64_t>(take_varint(more));
        } else if (inner == integer(3)) {
          image.channels = static_cast<std::int64_t>(take_varint(more));
        } else if (inner == bytes(4)) {
          image.png = take_bytes(more);
        } else {
          return false;
        }
        return true;
      });
    } else {
      return false;
    }
    return true;
  });
}

ReadEvent read_event(std::string_view message) {
  ReadEvent event;
  for_each_field(message, [&](std::uint64_t key, std::string_view& rest) {
    if (key == bits64(1)) {
      event.wall_time = take<double>(rest);
    } else if (key == integer(2)) {
      event.step = static_cast<std::int64_t>(take_varint(rest));
    } else if (key == bytes(3)) {
      event.version = take_bytes(rest);
    } else if (key == bytes(5)) {
      for_each_field(take_bytes(rest), [&](std::uint64_t inner, std::string_view& more) {
        if (inner != bytes(1)) return false;
        read_value(take_bytes(more), event);
        return true;
      });
    } else if (key == bytes(7)) {
      event.restart = take_bytes(rest) == "\x08\x01";
    } else {
      return false;
    }
    return true;
  });
  return event;
}

// Walks all events as TensorBoard does.
void replay(const fs::path& directory, const std::function<void(std::int64_t)>& restart,
            const std::function<void(const ReadEvent&)>& show) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().string().find("tfevents") != std::string::npos) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    const std::vector<ReadEvent> events = read_events(file, CutEnd::ignore);
    require(events.empty() || events[0].version == "brain.Event:2", "no version");
    for (const ReadEvent& event : events) {
      if (event.restart) restart(event.step);
      show(event);
    }
  }
}

template <class T>
void forget_from(std::map<std::string, std::map<std::int64_t, T>>& shown, std::int64_t step) {
  for (auto& [tag, values] : shown) values.erase(values.lower_bound(step), values.end());
}

}  // namespace

std::vector<std::string> read_tfrecords(std::string_view file, CutEnd end) {
  const auto masked = [](std::string_view data) {
    return std::rotr(crc32c(data), 15) + 0xA282EAD8U;
  };
  std::vector<std::string> records;
  constexpr std::size_t frame = 16;  // a length and two checksums
  while (!file.empty()) {
    const std::string_view head = file.substr(0, 8);
    std::string_view ahead = file;
    if (end == CutEnd::ignore &&
        (file.size() < frame || take<std::uint64_t>(ahead) > file.size() - frame)) {
      break;
    }
    const auto size = take<std::uint64_t>(file);
    require(take<std::uint32_t>(file) == masked(head), "the checksum of a length is wrong");
    require(size <= file.size(), "cut off");
    records.emplace_back(file.substr(0, size));
    file.remove_prefix(size);
    require(take<std::uint32_t>(file) == masked(records.back()), "the checksum of data is wrong");
  }
  return records;
}

std::vector<ReadEvent> read_events(const fs::path& path, CutEnd end) {
  std::vector<ReadEvent> events;
  for (const std::string& record : read_tfrecords(read_file(path), end)) {
    events.push_back(read_event(record));
  }
  return events;
}

ReadExample read_example(std::string_view message) {
  ReadExample example;
  const auto read_feature = [&](const std::string& name, std::string_view feature) {
    for_each_field(feature, [&](std::uint64_t kind, std::string_view& rest) {
      require(!example.integers.contains(name) && !example.bytes.contains(name), "a name twice");
      if (kind == bytes(1)) {
        std::vector<std::string>& values = example.bytes[name];
        for_each_field(take_bytes(rest), [&](std::uint64_t key, std::string_view& value) {
          if (key != bytes(1)) return false;
          values.emplace_back(take_bytes(value));
          return true;
        });
      } else if (kind == bytes(3)) {
        std::vector<std::int64_t>& values = example.integers[name];
        for_each_field(take_bytes(rest), [&](std::uint64_t key, std::string_view& value) {
          if (key != bytes(1)) return false;
          for (std::string_view packed = take_bytes(value); !packed.empty();) {
            values.push_back(static_cast<std::int64_t>(take_varint(packed)));
          }
          return true;
        });
      } else {
        return false;
      }
      return true;
    });
  };
  for_each_field(message, [&](std::uint64_t outer, std::string_view& features) {
    if (outer != bytes(1)) return false;
    for_each_field(take_bytes(features), [&](std::uint64_t entry, std::string_view& entries) {
      if (entry != bytes(1)) return false;
      std::string name;
      std::string_view feature;
      for_each_field(take_bytes(entries), [&](std::uint64_t key, std::string_view& rest) {
        if (key != bytes(1) && key != bytes(2)) return false;
        (key == bytes(1)) ? static_cast<void>(name = take_bytes(rest))
                          : static_cast<void>(feature = take_bytes(rest));
        return true;
      });
      read_feature(name, feature);
      return true;
    });
    return true;
  });
  return example;
}

std::map<std::string, std::map<std::int64_t, float>> shown_scalars(const fs::path& directory) {
  std::map<std::string, std::map<std::int64_t, float>> shown;
  replay(
      directory, [&](std::int64_t step) { forget_from(shown, step); },
      [&](const ReadEvent& event) {
        for (const auto& [tag, value] : event.scalars) {
          require(shown[tag].emplace(event.step, value).second, "two values at one step");
        }
      });
  return shown;
}

std::map<std::string, std::map<std::int64_t, ReadEvent::Image>> shown_images(
    const fs::path& directory) {
  std::map<std::string, std::map<std::int64_t, ReadEvent::Image>> shown;
  replay(
      directory, [&](std::int64_t step) { forget_from(shown, step); },
      [&](const ReadEvent& event) {
        for (const auto& [tag, image] : event.images) {
          require(shown[tag].emplace(event.step, image).second, "two images at one step");
        }
      });
  return shown;
}

}  // namespace ekgine::testing
