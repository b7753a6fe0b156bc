#include "data/wfdb_signal.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"
#include "data/checksums.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

// The value that marks a sample as not measured.
int unmeasured(int format) {
  return format == 212 ? -2048 : format == 16 ? -32768 : -128;
}

// Millivolts per physical unit of a signal.
double millivolts(const WfdbHeader& header, const WfdbSignal& signal) {
  const std::string& units = signal.units;
  if (units == "mV" || units == "mv") return 1;
  // With the micro sign and with the Greek letter.
  if (units == "uV" || units == "uv" || units == "\u00B5V" || units == "\u03BCV") return 1e-3;
  if (units == "nV" || units == "nv") return 1e-6;
  if (units == "V" || units == "v") return 1e3;
  fail("{}:{}: the units are '{}', expected a voltage (mV, uV, nV, V)", header.path.string(),
       signal.line, units);
}

void check_supported(const WfdbHeader& header, const WfdbSignal& signal) {
  const std::string where = fmt::format("{}:{}", header.path.string(), signal.line);
  if (signal.format != 212 && signal.format != 16 && signal.format != 80) {
    fail("{}: format {} is not supported (212, 16, 80 are)", where, signal.format);
  }
  if (signal.samples_per_frame != 1) {
    fail("{}: {} samples per frame are not supported (1 is)", where, signal.samples_per_frame);
  }
}

// Of a file that can be read: a pipe or a device would never end.
std::int64_t file_bytes(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    fail("{}: is no regular file", path.string());
  }
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) fail("{}: cannot open: {}", path.string(), error.message());
  return static_cast<std::int64_t>(size);
}

// 12 bits, two's complement.
std::int16_t sign_extend_12(int value) {
  return static_cast<std::int16_t>((value ^ 0x800) - 0x800);
}

// The signals that share a file, in their order; and where the wanted one stands among them.
struct Interleaved {
  std::vector<const WfdbSignal*> signals;
  std::size_t place = 0;
};

Interleaved sharing_file(const WfdbHeader& header, std::size_t signal) {
  const std::string name = header.path.string();
  const WfdbSignal& wanted = header.signals[signal];
  Interleaved group;
  for (std::size_t i = 0; i < header.signals.size(); ++i) {
    const WfdbSignal& other = header.signals[i];
    if (other.file != wanted.file) continue;
    check_supported(header, other);
    if (other.format != wanted.format) {
      fail("{}:{}: format {} disagrees with {} of the same file {} (line {})", name, other.line,
           other.format, wanted.format, other.file, wanted.line);
    }
    if (other.byte_offset != wanted.byte_offset) {
      fail("{}:{}: byte offset {} disagrees with {} of the same file {} (line {})", name,
           other.line, other.byte_offset, wanted.byte_offset, other.file, wanted.line);
    }
    if (i == signal) group.place = group.signals.size();
    group.signals.push_back(&other);
  }
  return group;
}

// How many samples each of the `interleaved` signals has in the file `path` of `size` bytes: as the
// header says, which the size must agree with, or as many as there are.
std::int64_t length_of(const WfdbHeader& header, const WfdbSignal& wanted, std::int64_t interleaved,
                       const fs::path& path, std::int64_t size) {
  const int format = wanted.format;
  const std::int64_t offset = wanted.byte_offset;
  const std::int64_t stored = std::max<std::int64_t>(0, size - offset);
  const std::int64_t held = format == 212  ? stored / 3 * 2 + stored % 3 / 2
                            : format == 16 ? stored / 2
                                           : stored;
  const std::int64_t length = header.samples.value_or(held / interleaved);
  if (length == 0) fail("{}: holds no samples", path.string());
  const std::int64_t expected = offset + wfdb_bytes(format, length * interleaved);
  // Some writers complete an odd last sample of format 212 to the three bytes of a pair.
  const int padding = format == 212 && length * interleaved % 2 != 0 ? 1 : 0;
  if (size < expected || size > expected + padding) {
    fail("{}: {}: {} bytes, expected {} ({} samples of {} signals in format {}, says {})",
         path.string(), size < expected ? "truncated" : "too long", size, expected, length,
         interleaved, format, header.path.string());
  }
  return length;
}

// Holds the samples of a file, `all` of its signals, against the checksums of the header.
void check_checksums(const WfdbHeader& header, std::span<const WfdbSignal* const> signals,
                     const fs::path& path, std::span<const std::int16_t> all) {
  for (std::size_t i = 0; i < signals.size(); ++i) {
    const WfdbSignal& s = *signals[i];
    if (!s.checksum) continue;
    std::uint32_t sum = 0;
    for (std::size_t k = i; k < all.size(); k += signals.size()) {
      sum += static_cast<std::uint32_t>(all[k]);
    }
    if (static_cast<std::uint16_t>(sum) != static_cast<std::uint16_t>(*s.checksum)) {
      fail("{}: the checksum of signal {} is {}, {}:{} says {}", path.string(), s.description,
           static_cast<std::int16_t>(sum), header.path.string(), s.line, *s.checksum);
    }
  }
}

}  // namespace

std::int64_t wfdb_bytes(int format, std::int64_t count) {
  if (format == 212) return count + (count + 1) / 2;
  return format == 16 ? 2 * count : count;
}

std::vector<std::int16_t> decode_wfdb_samples(int format, std::string_view bytes,
                                              std::int64_t count) {
  std::vector<std::int16_t> samples(static_cast<std::size_t>(count));
  const auto* b = reinterpret_cast<const unsigned char*>(bytes.data());
  std::int16_t* s = samples.data();
  switch (format) {
    case 16:
      for (std::int64_t i = 0; i < count; ++i) {
        s[i] = static_cast<std::int16_t>(b[2 * i] | b[2 * i + 1] << 8);
      }
      break;
    case 80:
      for (std::int64_t i = 0; i < count; ++i) s[i] = static_cast<std::int16_t>(b[i] - 128);
      break;
    case 212: {
      const std::int64_t pairs = count / 2;
      for (std::int64_t i = 0; i < pairs; ++i) {
        s[2 * i] = sign_extend_12(b[3 * i] | (b[3 * i + 1] & 0x0F) << 8);
        s[2 * i + 1] = sign_extend_12(b[3 * i + 2] | (b[3 * i + 1] & 0xF0) << 4);
      }
      // An odd last sample takes two bytes.
      if (count % 2 != 0)
        s[count - 1] = sign_extend_12(b[3 * pairs] | (b[3 * pairs + 1] & 0x0F) << 8);
      break;
    }
    default:
      fail("signal format {} is not supported (212, 16, 80 are)", format);
  }
  return samples;
}

std::vector<std::int16_t> read_wfdb_signal(const WfdbHeader& header, std::size_t signal) {
  const std::string name = header.path.string();
  if (signal >= header.signals.size()) {
    fail("{}: signal {} is missing, the record has {}", name, signal, header.signals.size());
  }
  const WfdbSignal& wanted = header.signals[signal];
  check_inside(wanted.file, fmt::format("{}:{}", name, wanted.line));

  const Interleaved group = sharing_file(header, signal);
  const auto interleaved = static_cast<std::int64_t>(group.signals.size());
  const fs::path path = header.path.parent_path() / wanted.file;
  const std::int64_t size = file_bytes(path);
  const std::int64_t length = length_of(header, wanted, interleaved, path, size);

  const std::string bytes = read_file(path);
  if (std::ssize(bytes) != size) fail("{}: changed while it was read", path.string());
  const auto offset = static_cast<std::size_t>(wanted.byte_offset);
  const std::vector<std::int16_t> all = decode_wfdb_samples(
      wanted.format, std::string_view(bytes).substr(offset), length * interleaved);
  if (header.samples) check_checksums(header, group.signals, path, all);

  std::vector<std::int16_t> samples(static_cast<std::size_t>(length),
                                    static_cast<std::int16_t>(unmeasured(wanted.format)));
  const auto skew = static_cast<std::size_t>(std::min<std::int64_t>(wanted.skew, length));
  for (std::size_t k = skew; k < samples.size(); ++k) {
    samples[k - skew] = all[k * group.signals.size() + group.place];
  }
  return samples;
}

std::vector<double> read_wfdb_millivolts(const WfdbHeader& header, std::size_t signal) {
  const std::vector<std::int16_t> samples = read_wfdb_signal(header, signal);
  const WfdbSignal& s = header.signals[signal];
  const double scale = millivolts(header, s);
  const int missing = unmeasured(s.format);
  std::vector<double> values(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples[i] == missing) {
      values[i] = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    // A division, as in the definition: multiplying by 1/gain rounds differently.
    values[i] = (static_cast<double>(samples[i]) - s.baseline) / s.gain * scale;
    if (!std::isfinite(values[i])) {
      fail("{}:{}: the gain {} makes sample {} of signal {} infinite", header.path.string(), s.line,
           s.gain, i, s.description);
    }
  }
  return values;
}

}  // namespace ekgine
