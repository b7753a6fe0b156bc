#include "data/wfdb_header.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"

namespace ekgine {

namespace {

constexpr std::string_view blank = " \t";

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";  // of UTF-8

// Of samples and offsets: beyond any recording, far from overflow in sums of products.
constexpr std::int64_t largest = 1'000'000'000'000;
constexpr int most_signals = 1'000'000;
constexpr int most_segments = 1'000'000;

// The fields of one line, taken from left to right. Errors name file and line.
class Line {
 public:
  Line(const std::string& file, int number, std::string_view text)
      : file_(file), number_(number), rest_(text) {
    skip_blanks();
  }

  bool empty() const { return rest_.empty(); }
  int number() const { return number_; }
  std::string_view rest() const { return rest_; }

  // The next field, up to a blank.
  std::string_view take() {
    const std::string_view field = rest_.substr(0, rest_.find_first_of(blank));
    rest_.remove_prefix(field.size());
    skip_blanks();
    return field;
  }

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail("{}:{}: {}", file_, number_, fmt::format(text, std::forward<Args>(args)...));
  }

  // The number that `field` is, whole. `what` names it in errors.
  template <class T>
  T number(std::string_view field, const char* what) const {
    T value{};
    const std::string_view digits = field.starts_with('+') ? field.substr(1) : field;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    bool fits = error == std::errc() && end == digits.data() + digits.size();
    if constexpr (std::is_floating_point_v<T>) fits = fits && std::isfinite(value);
    if (!fits) {
      refuse("the {} is '{}', expected {}", what, field,
             std::is_floating_point_v<T> ? "a number" : "an integer");
    }
    return value;
  }

 private:
  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(blank), rest_.size()));
  }

  const std::string& file_;
  int number_;
  std::string_view rest_;
};

// Cuts `text` at the first of `separators` and returns what stands before it.
std::string_view cut(std::string_view& text, std::string_view separators) {
  const std::string_view front = text.substr(0, text.find_first_of(separators));
  text.remove_prefix(front.size());
  return front;
}

// Whether `record` is "NAME/SEGMENTS" and not "FOLDER/NAME": the number after the slash is no name
// of the header's file, `base_name`, unless what stands before it is.
bool has_segments(std::string_view record, std::string_view base_name) {
  const std::size_t slash = record.rfind('/');
  if (slash == std::string_view::npos || slash + 1 == record.size()) return false;
  const std::string_view last = record.substr(slash + 1);
  return last.find_first_not_of("0123456789") == std::string_view::npos &&
         (last != base_name || record.substr(0, slash) == base_name);
}

// What a record line announces.
struct Announced {
  int signals = 0;
  std::optional<int> segments = {};

  int lines() const { return segments.value_or(signals); }
};

// "NAME[/SEGMENTS] SIGNALS [FREQUENCY[/COUNTER] [SAMPLES [TIME [DATE]]]]"
Announced read_record_line(Line& line, WfdbHeader& header) {
  header.record = line.take();
  Announced announced;
  if (has_segments(header.record, header.path.stem().string())) {
    const std::size_t slash = header.record.rfind('/');
    announced.segments =
        line.number<int>(std::string_view(header.record).substr(slash + 1), "number of segments");
    if (*announced.segments < 1 || *announced.segments > most_segments) {
      line.refuse("the number of segments is {}, expected 1 to {}", *announced.segments,
                  most_segments);
    }
    header.record.resize(slash);
  }
  if (line.empty()) line.refuse("the number of signals is missing");
  announced.signals = line.number<int>(line.take(), "number of signals");
  if (announced.signals < 0 || announced.signals > most_signals) {
    line.refuse("the number of signals is {}, expected 0 to {}", announced.signals, most_signals);
  }
  if (!line.empty()) {
    std::string_view field = line.take();
    header.sampling_frequency = line.number<double>(cut(field, "/"), "sampling frequency");
    if (header.sampling_frequency <= 0) {
      line.refuse("the sampling frequency is {} Hz, expected a positive number",
                  header.sampling_frequency);
    }
  }
  if (!line.empty()) {
    const auto samples = line.number<std::int64_t>(line.take(), "number of samples");
    if (samples < 0 || samples > largest) {
      line.refuse("the number of samples is {}, expected 0 to {}", samples, largest);
    }
    if (samples > 0) header.samples = samples;  // 0 says "not known"
  }
  return announced;
}

// "NAME SAMPLES"
WfdbSegmentLine read_segment_line(Line& line) {
  WfdbSegmentLine segment;
  segment.line = line.number();
  segment.name = line.take();
  if (line.empty()) line.refuse("the number of samples of segment {} is missing", segment.name);
  segment.samples = line.number<std::int64_t>(line.take(), "number of samples");
  if (segment.samples < 0 || segment.samples > largest) {
    line.refuse("the number of samples is {}, expected 0 to {}", segment.samples, largest);
  }
  return segment;
}

// "FORMAT[xSAMPLES][:SKEW][+OFFSET]"
void read_format(const Line& line, std::string_view field, WfdbSignal& signal) {
  signal.format = line.number<int>(cut(field, "x:+"), "format");
  while (!field.empty()) {
    const char kind = field.front();
    field.remove_prefix(1);
    const std::string_view value = cut(field, "x:+");
    if (kind == 'x') {
      signal.samples_per_frame = line.number<int>(value, "number of samples per frame");
    }
    if (kind == ':') {
      signal.skew = line.number<int>(value, "skew");
      if (signal.skew < 0) line.refuse("the skew is {}, expected 0 or more", signal.skew);
    }
    if (kind == '+') {
      signal.byte_offset = line.number<std::int64_t>(value, "byte offset");
      if (signal.byte_offset < 0 || signal.byte_offset > largest) {
        line.refuse("the byte offset is {}, expected 0 to {}", signal.byte_offset, largest);
      }
    }
  }
}

// "GAIN[(BASELINE)][/UNITS]"; returns whether a baseline was given.
bool read_gain(const Line& line, std::string_view field, WfdbSignal& signal) {
  const double gain = line.number<double>(cut(field, "(/"), "gain");
  if (gain != 0) signal.gain = gain;  // 0 says "not calibrated": the default is assumed
  bool has_baseline = false;
  if (field.starts_with('(')) {
    field.remove_prefix(1);
    signal.baseline = line.number<int>(cut(field, ")"), "baseline");
    if (field.empty()) line.refuse("')' is missing after the baseline");
    field.remove_prefix(1);
    has_baseline = true;
  }
  if (field.starts_with('/')) {
    signal.units = utf8(field.substr(1));
  } else if (!field.empty()) {
    line.refuse("found '{}' after the gain, expected '/' and the units", field);
  }
  return has_baseline;
}

// "FILE FORMAT [GAIN [RESOLUTION [ZERO [INITIAL [CHECKSUM [BLOCK [DESCRIPTION]]]]]]]"
WfdbSignal read_signal_line(Line& line) {
  WfdbSignal signal;
  signal.line = line.number();
  signal.file = line.take();
  if (line.empty()) line.refuse("the format of the signal is missing");
  read_format(line, line.take(), signal);
  const bool has_baseline = !line.empty() && read_gain(line, line.take(), signal);
  if (!line.empty()) line.number<int>(line.take(), "ADC resolution");
  if (!line.empty()) signal.adc_zero = line.number<int>(line.take(), "ADC zero");
  if (!has_baseline) signal.baseline = signal.adc_zero;
  if (!line.empty()) signal.initial_value = line.number<int>(line.take(), "initial value");
  if (!line.empty()) {
    signal.checksum = line.number<int>(line.take(), "checksum");
    if (*signal.checksum < std::numeric_limits<std::int16_t>::min() ||
        *signal.checksum > std::numeric_limits<std::uint16_t>::max()) {
      line.refuse("the checksum is {}, expected 16 bits", *signal.checksum);
    }
  }
  if (!line.empty()) line.number<int>(line.take(), "block size");
  signal.description = utf8(line.rest());
  return signal;
}

}  // namespace

WfdbHeader read_wfdb_header(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  const std::string name = path.string();
  WfdbHeader header;
  header.path = path;
  std::optional<Announced> announced;
  int lines = 0;  // of signals or segments
  int number = 0;
  std::string_view rest = text;
  if (rest.starts_with(byte_order_mark)) rest.remove_prefix(byte_order_mark.size());
  while (!rest.empty()) {
    std::string_view content = cut(rest, "\n");
    if (!rest.empty()) rest.remove_prefix(1);
    if (content.ends_with('\r')) content.remove_suffix(1);
    ++number;
    if (content.find('\0') != std::string_view::npos) {
      fail("{}:{}: found a zero byte, expected text", name, number);
    }
    Line line(name, number, content);
    if (line.rest().starts_with('#')) {
      header.comments.emplace_back(line.rest().substr(1));
    } else if (!line.empty() && !announced) {
      announced = read_record_line(line, header);
    } else if (!line.empty() && lines < announced->lines()) {
      ++lines;
      if (announced->segments) {
        header.segments.push_back(read_segment_line(line));
      } else {
        header.signals.push_back(read_signal_line(line));
      }
    }
  }
  if (!announced) fail("{}:{}: the record line is missing", name, number + 1);
  if (lines < announced->lines()) {
    const char* what = announced->segments ? "segment" : "signal";
    fail("{}:{}: the line of {} {} is missing, {} {}s are announced", name, number + 1, what, lines,
         announced->lines(), what);
  }
  header.announced_signals = announced->signals;
  return header;
}

}  // namespace ekgine
