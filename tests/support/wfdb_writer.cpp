#include "tests/support/wfdb_writer.h"

#include <fmt/format.h>

#include <stdexcept>

#include "tests/cases/random.h"
#include "tests/support/temporary_directory.h"

namespace ekgine::testing {

namespace {

char byte(int value) {
  return static_cast<char>(static_cast<unsigned char>(value & 0xFF));
}

int code_of(char symbol) {
  constexpr std::string_view symbols = " NLRaVFJASEj/Q~ | sT*D\"=pB^t+u?![]en@xf()r";
  const std::size_t code = symbols.find(symbol);
  if (symbol == ' ' || code == std::string_view::npos)
    throw std::invalid_argument("no such symbol");
  return static_cast<int>(code);
}

}  // namespace

std::string encode_wfdb_samples(int format, const std::vector<int>& samples) {
  const auto at = [&](std::size_t i) { return i < samples.size() ? samples[i] : 0; };
  const std::size_t group = format == 212 ? 2 : format == 310 || format == 311 ? 3 : 1;
  std::string bytes;
  for (std::size_t i = 0; i < samples.size(); i += group) {
    const int a = at(i);
    const int b = at(i + 1);
    const int c = at(i + 2);
    switch (format) {
      case 16:
        bytes += {byte(a), byte(a >> 8)};
        break;
      case 24:
        bytes += {byte(a), byte(a >> 8), byte(a >> 16)};
        break;
      case 32:
        bytes += {byte(a), byte(a >> 8), byte(a >> 16), byte(a >> 24)};
        break;
      case 61:
        bytes += {byte(a >> 8), byte(a)};
        break;
      case 80:
        bytes += byte(a + 128);
        break;
      case 160:
        bytes += {byte(a), byte((a + 32768) >> 8)};
        break;
      case 212:
        bytes += {byte(a), byte((a >> 8 & 15) | (b >> 8 & 15) << 4), byte(b)};
        break;
      case 310:
        bytes += {byte(a << 1), byte((a >> 7 & 7) | c << 3), byte(b << 1),
                  byte((b >> 7 & 7) | (c >> 5) << 3)};
        break;
      case 311:
        bytes +=
            {byte(a), byte((a >> 8 & 3) | b << 2), byte((b >> 6 & 15) | c << 4), byte(c >> 4 & 63)};
        break;
      default:
        throw std::invalid_argument("no such format");
    }
  }
  // An unfinished group has no more bytes than its samples reach into.
  const std::size_t missing = (group - samples.size() % group) % group;
  const std::size_t unused = format == 212   ? missing
                             : format == 311 ? missing
                             : format == 310 ? (missing == 2 ? 2 : 0)
                                             : 0;
  bytes.resize(bytes.size() - unused);
  return bytes;
}

std::string annotation_word(int code, int low) {
  const int word = code << 10 | (low & 0x3FF);
  return {byte(word), byte(word >> 8)};
}

std::string annotation_note(const std::string& text, int step) {
  std::string bytes = annotation_word(22, step);
  bytes += annotation_word(63, static_cast<int>(text.size())) + text;
  if (text.size() % 2 != 0) bytes += '\0';
  return bytes;
}

std::string encode_wfdb_annotations(const std::vector<TestAnnotation>& annotations) {
  std::string bytes;
  std::int64_t time = 0;
  int chan = 0;
  for (const TestAnnotation& annotation : annotations) {
    std::int64_t step = annotation.sample - time;
    time = annotation.sample;
    if (step < 0 || step > 1023) {
      const int skip = static_cast<int>(step);
      bytes += annotation_word(59, 0);
      bytes += {byte(skip >> 16), byte(skip >> 24), byte(skip), byte(skip >> 8)};
      step = 0;
    }
    bytes += annotation_word(code_of(annotation.symbol), static_cast<int>(step));
    if (annotation.sub != 0) bytes += annotation_word(61, annotation.sub);
    if (annotation.chan != chan) bytes += annotation_word(62, annotation.chan);
    chan = annotation.chan;
  }
  return bytes + annotation_word(0, 0);
}

void write_wfdb_record(const std::filesystem::path& folder, const TestRecord& record) {
  std::string header = fmt::format("{} {} {} {}\r\n", record.name, record.signals.size(),
                                   record.frequency, record.signals.at(0).size());
  std::vector<int> interleaved(record.signals.size() * record.signals[0].size());
  for (std::size_t s = 0; s < record.signals.size(); ++s) {
    unsigned sum = 0;
    for (std::size_t i = 0; i < record.signals[s].size(); ++i) {
      interleaved[i * record.signals.size() + s] = record.signals[s][i];
      sum += static_cast<unsigned>(record.signals[s][i]);
    }
    header += fmt::format("{}.dat {} {} 11 {} {} {} 0 LEAD{}\r\n", record.name, record.format,
                          record.gain, record.adc_zero, record.signals[s][0],
                          static_cast<std::int16_t>(sum), s);
  }
  write_bytes(folder / (record.name + ".hea"), header + "# synthetic\r\n");
  write_bytes(folder / (record.name + ".dat"), encode_wfdb_samples(record.format, interleaved));
  write_bytes(folder / (record.name + ".atr"), encode_wfdb_annotations(record.annotations));
}

TestRecord random_record(const std::string& name, int beats, const std::string& symbols,
                         std::uint64_t seed) {
  TestRecord record;
  record.name = name;
  Random random(seed);
  record.signals.resize(2);
  for (std::vector<int>& signal : record.signals) {
    signal.resize(300 * static_cast<std::size_t>(beats));
    for (int& sample : signal) sample = 1024 + static_cast<int>(random.integer(-200, 200));
  }
  for (int i = 0; i < beats; ++i) {
    record.annotations.push_back(
        {150 + 300 * i, symbols[static_cast<std::size_t>(i) % symbols.size()]});
  }
  return record;
}

}  // namespace ekgine::testing
