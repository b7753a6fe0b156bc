#include "data/wfdb_signal.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/regular_file.h"
#include "data/checksums.h"
#include "data/flac_file.h"
#include "data/voltage.h"
#include "data/wfdb_formats.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

// Samples of all signals of a file that are in memory at a time, at least a few frames.
constexpr std::int64_t block_samples = std::int64_t{1} << 16;
constexpr std::int64_t largest_frame = std::int64_t{1} << 20;
// A multiple of 2 and 3: so many frames are whole groups of any format.
constexpr std::int64_t whole_groups = 6;

std::string where(const WfdbHeader& header, const WfdbSignal& signal) {
  return fmt::format("{}:{}", header.path.string(), signal.line);
}

// Of the signals that share a file.
struct Member {
  const WfdbSignal* signal = nullptr;
  std::size_t begin = 0;  // of its samples in a frame
  std::size_t per_frame = 1;
  std::uint32_t sum = 0;   // of the samples read so far, for the checksum
  std::uint32_t last = 0;  // of format 8: the sample before, in 32 bits that wrap
};

struct SharedFile {
  fs::path path;
  int format = 0;
  std::int64_t offset = 0;
  std::vector<Member> members;  // in their order
  std::size_t wanted = 0;       // of the members
  std::int64_t frame = 0;       // samples of all signals
};

const WfdbSignal& signal_at(const WfdbHeader& header, std::size_t signal) {
  if (signal >= header.signals.size()) {
    fail("{}: signal {} is missing, the record has {}", header.path.string(), signal,
         header.signals.size());
  }
  return header.signals[signal];
}

void check_supported(const WfdbHeader& header, const WfdbSignal& signal) {
  if (!is_wfdb_format(signal.format) && !is_flac_format(signal.format)) {
    fail(
        "{}: format {} is not supported (8, 16, 24, 32, 61, 80, 160, 212, 310, 311, 508, 516, 524 "
        "are)",
        where(header, signal), signal.format);
  }
  if (signal.skew < 0) {
    fail("{}: the skew is {}, expected 0 or more", where(header, signal), signal.skew);
  }
  if (signal.samples_per_frame < 1 || signal.samples_per_frame > largest_frame) {
    fail("{}: a frame has {} samples, expected 1 to {}", where(header, signal),
         signal.samples_per_frame, largest_frame);
  }
}

SharedFile file_of(const WfdbHeader& header, std::size_t signal) {
  const WfdbSignal& wanted = header.signals[signal];
  check_inside(wanted.file, where(header, wanted));
  SharedFile file{.path = header.path.parent_path() / wanted.file,
                  .format = wanted.format,
                  .offset = wanted.byte_offset,
                  .members = {}};
  for (std::size_t i = 0; i < header.signals.size(); ++i) {
    const WfdbSignal& other = header.signals[i];
    if (other.file != wanted.file) continue;
    check_supported(header, other);
    if (other.format != wanted.format) {
      fail("{}: format {} disagrees with {} of the same file {} (line {})", where(header, other),
           other.format, wanted.format, other.file, wanted.line);
    }
    if (other.byte_offset != wanted.byte_offset) {
      fail("{}: byte offset {} disagrees with {} of the same file {} (line {})",
           where(header, other), other.byte_offset, wanted.byte_offset, other.file, wanted.line);
    }
    if (i == signal) file.wanted = file.members.size();
    file.members.push_back({.signal = &other,
                            .begin = static_cast<std::size_t>(file.frame),
                            .per_frame = static_cast<std::size_t>(other.samples_per_frame),
                            .last = static_cast<std::uint32_t>(other.initial_value)});
    file.frame += other.samples_per_frame;
  }
  if (file.frame > largest_frame) {
    fail("{}: the frames of {} have {} samples, expected {} or fewer", where(header, wanted),
         wanted.file, file.frame, largest_frame);
  }
  return file;
}

// How many frames are read: as many as the header says, or as the file holds.
std::int64_t frames_of(const WfdbHeader& header, const SharedFile& file,
                       std::optional<std::int64_t> held) {
  if (!header.samples && !held) {
    fail("{}: does not say how many samples it has, nor does {}", file.path.string(),
         header.path.string());
  }
  const std::int64_t frames = header.samples ? *header.samples : *held;
  if (frames == 0) fail("{}: holds no samples", file.path.string());
  const std::int64_t per_frame = file.members[file.wanted].signal->samples_per_frame;
  if (frames > most_lead_samples / per_frame) {
    fail("{}: a signal has {} samples, more than the {} that can be read", header.path.string(),
         static_cast<double>(frames) * static_cast<double>(per_frame), most_lead_samples);
  }
  return frames;
}

// Whether the beginning of a longer file can be told from the whole of another.
bool are_vouched_for(const SharedFile& file) {
  return std::ranges::all_of(file.members,
                             [](const Member& m) { return m.signal->checksum.has_value(); });
}

// Fails unless a file of `size` bytes has so many frames.
void check_size(const WfdbHeader& header, const SharedFile& file, std::int64_t frames,
                std::int64_t size) {
  const std::int64_t expected = file.offset + wfdb_bytes(file.format, frames * file.frame);
  const std::int64_t padded = file.offset + wfdb_padded_bytes(file.format, frames * file.frame);
  if (size < expected || (size > padded && !are_vouched_for(file))) {
    fail("{}: {}: {} bytes, expected {} ({} samples of {} signals in format {}, says {})",
         file.path.string(), size < expected ? "truncated" : "too long", size, expected, frames,
         file.members.size(), file.format, header.path.string());
  }
}

// Holds the samples of a file against the checksums of the header.
void check_checksums(const WfdbHeader& header, const SharedFile& file) {
  for (const Member& member : file.members) {
    const std::optional<int>& expected = member.signal->checksum;
    if (expected &&
        static_cast<std::uint16_t>(member.sum) != static_cast<std::uint16_t>(*expected)) {
      fail("{}: the checksum of signal {} is {}, {} says {}", file.path.string(),
           member.signal->description, static_cast<std::int16_t>(member.sum),
           where(header, *member.signal), *expected);
    }
  }
}

// Takes frames one after another: the next ones, as many as fit.
using Frames = std::function<void(std::span<std::int32_t>)>;

Frames stored_frames(std::shared_ptr<RegularFile> bytes, const SharedFile& file) {
  bytes->skip(file.offset);
  return [bytes = std::move(bytes), format = file.format,
          buffer = std::string()](std::span<std::int32_t> samples) mutable {
    buffer.resize(static_cast<std::size_t>(wfdb_bytes(format, std::ssize(samples))));
    bytes->read(buffer);
    decode_wfdb_samples(format, buffer, samples);
  };
}

// A channel for each signal, their samples in turn; a frame has several of each.
Frames flac_frames(std::shared_ptr<FlacFile> flac, const SharedFile& file) {
  flac->skip(file.offset);
  return [flac = std::move(flac), channels = file.members.size(),
          per_frame = file.members.front().per_frame,
          buffer = std::vector<std::int32_t>()](std::span<std::int32_t> samples) mutable {
    buffer.resize(samples.size());
    flac->read(buffer);
    const std::size_t frame = channels * per_frame;
    for (std::size_t begin = 0; begin < buffer.size(); begin += frame) {
      for (std::size_t i = 0; i < frame; ++i) {
        samples[begin + i % channels * per_frame + i / channels] = buffer[begin + i];
      }
    }
  };
}

// Moves one signal's samples out of whole frames; those of format 8 are summed up first.
void take_samples(Member& member, int format, std::span<const std::int32_t> frames,
                  std::size_t frame, std::vector<std::int32_t>& samples) {
  samples.clear();
  for (std::size_t at = member.begin; at < frames.size(); at += frame) {
    for (std::size_t k = 0; k < member.per_frame; ++k) {
      std::int32_t value = frames[at + k];
      if (format == 8) {
        member.last += static_cast<std::uint32_t>(value);
        value = static_cast<std::int32_t>(member.last);
      }
      member.sum += static_cast<std::uint32_t>(value);
      samples.push_back(value);
    }
  }
}

// A signal that is about to be read.
struct OpenSignal {
  const WfdbHeader& header;
  SharedFile file;
  std::int64_t frames = 0;
  Frames next;

  const WfdbSignal& wanted() const { return *file.members[file.wanted].signal; }
};

void open_stored(OpenSignal& open) {
  SharedFile& file = open.file;
  auto bytes = std::make_shared<RegularFile>(file.path);
  const std::int64_t left = std::max<std::int64_t>(0, bytes->size() - file.offset);
  open.frames = frames_of(open.header, file, wfdb_samples(file.format, left) / file.frame);
  check_size(open.header, file, open.frames, bytes->size());
  open.next = stored_frames(std::move(bytes), file);
}

void open_flac(OpenSignal& open) {
  SharedFile& file = open.file;
  auto flac = std::make_shared<FlacFile>(file.path);
  const std::string path = file.path.string();
  if (flac->channels() != std::ssize(file.members)) {
    fail("{}: has {} channels, {} says {}", path, flac->channels(), open.header.path.string(),
         file.members.size());
  }
  if (flac->bits() > file.format - 500) {
    fail("{}: has samples of {} bits, expected {} or fewer in format {} ({})", path, flac->bits(),
         file.format - 500, file.format, where(open.header, open.wanted()));
  }
  const std::size_t per_frame = file.members.front().per_frame;
  for (const Member& member : file.members) {
    if (member.per_frame == per_frame) continue;
    fail("{}: a frame has {} samples, expected {} as of the other signals in {}",
         where(open.header, *member.signal), member.per_frame, per_frame, path);
  }
  std::optional<std::int64_t> held;
  if (const auto samples = flac->samples()) {
    held = std::max<std::int64_t>(0, *samples - file.offset) / static_cast<std::int64_t>(per_frame);
  }
  open.frames = frames_of(open.header, file, held);
  if (open.frames > flac->most_samples()) {
    fail("{}: truncated: {} samples are more than so few bytes can hold ({})", path, open.frames,
         open.header.path.string());
  }
  if (held && (*held < open.frames || (*held > open.frames && !are_vouched_for(file)))) {
    fail("{}: {}: {} samples of each signal, expected {} ({})", path,
         *held < open.frames ? "truncated" : "too long",
         *held * static_cast<std::int64_t>(per_frame),
         open.frames * static_cast<std::int64_t>(per_frame), open.header.path.string());
  }
  open.next = flac_frames(std::move(flac), file);
}

OpenSignal open_signal(const WfdbHeader& header, std::size_t signal) {
  signal_at(header, signal);
  OpenSignal open{.header = header, .file = file_of(header, signal), .next = {}};
  if (is_flac_format(open.file.format)) {
    open_flac(open);
  } else {
    open_stored(open);
  }
  return open;
}

// Reads the signal; `put` has each piece of it, and where it begins.
template <class Put>
void read_pieces(OpenSignal& open, Put put) {
  SharedFile& file = open.file;
  const bool counted = open.header.samples.has_value();  // else checksums say nothing
  const std::int64_t block = std::max(block_samples / file.frame, std::int64_t{1}) * whole_groups;
  std::vector<std::int32_t> buffer;
  std::vector<std::int32_t> samples;
  for (std::int64_t done = 0; done < open.frames; done += block) {
    throw_if_interrupted();
    buffer.resize(static_cast<std::size_t>(std::min(block, open.frames - done) * file.frame));
    open.next(buffer);
    for (std::size_t m = 0; m < file.members.size(); ++m) {
      Member& member = file.members[m];
      if (m != file.wanted && !(counted && member.signal->checksum)) continue;
      take_samples(member, file.format, buffer, static_cast<std::size_t>(file.frame), samples);
      if (m == file.wanted) put(done * member.signal->samples_per_frame, samples);
    }
  }
  if (counted) check_checksums(open.header, file);
}

// All samples, converted and shifted by the skew; `missing` where the file has none.
template <class T, class Convert>
std::vector<T> read_all(OpenSignal& open, T missing, Convert convert) {
  const WfdbSignal& wanted = open.wanted();
  const std::int64_t skew = std::int64_t{wanted.skew} * wanted.samples_per_frame;
  std::vector<T> values(static_cast<std::size_t>(open.frames * wanted.samples_per_frame), missing);
  read_pieces(open, [&](std::int64_t begin, std::span<const std::int32_t> samples) {
    for (std::int64_t i = std::max<std::int64_t>(0, skew - begin); i < std::ssize(samples); ++i) {
      const std::int64_t at = begin + i - skew;
      values[static_cast<std::size_t>(at)] = convert(samples[static_cast<std::size_t>(i)], at);
    }
  });
  return values;
}

}  // namespace

std::int64_t count_wfdb_samples(const WfdbHeader& header, std::size_t signal) {
  const OpenSignal open = open_signal(header, signal);
  return open.frames * open.wanted().samples_per_frame;
}

std::vector<std::int32_t> read_wfdb_signal(const WfdbHeader& header, std::size_t signal) {
  OpenSignal open = open_signal(header, signal);
  return read_all(open, wfdb_unmeasured(open.file.format),
                  [](std::int32_t sample, std::int64_t) { return sample; });
}

std::vector<float> read_wfdb_millivolts(const WfdbHeader& header, std::size_t signal) {
  const WfdbSignal& s = signal_at(header, signal);
  const std::optional<double> scale = millivolts_per(s.units);
  if (!scale) {
    fail("{}: the units are '{}', expected a voltage (mV, uV, nV, V)", where(header, s), s.units);
  }
  OpenSignal open = open_signal(header, signal);
  const std::int32_t missing = wfdb_unmeasured(s.format);
  constexpr float none = std::numeric_limits<float>::quiet_NaN();
  return read_all(open, none, [&](std::int32_t sample, std::int64_t at) {
    if (sample == missing) return none;
    // A division, as in the definition: multiplying by 1/gain rounds differently.
    const auto value =
        static_cast<float>((static_cast<double>(sample) - s.baseline) / s.gain * *scale);
    if (!std::isfinite(value)) {
      fail("{}: the gain {} makes sample {} of signal {} infinite", where(header, s), s.gain, at,
           s.description);
    }
    return value;
  });
}

}  // namespace ekgine
