#include "data/wfdb_annotations.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"
#include "data/text_lines.h"

namespace ekgine {

namespace {

// Indexed by code; blank where no symbol is defined (0, 15, 17 and the codes left to users, 42 up).
constexpr std::string_view symbols = " NLRaVFJASEj/Q~ | sT*D\"=pB^t+u?![]en@xf()r        ";
static_assert(symbols.size() == 50);

enum Code { note = 22, last_code = 49, skip = 59, num = 60, sub = 61, chn = 62, aux = 63 };

// The words of a file, one after another.
class Words {
 public:
  Words(const std::filesystem::path& path, std::string_view bytes) : path_(path), bytes_(bytes) {}

  std::size_t position() const { return position_; }

  unsigned word() {
    const std::string_view two = take(2);
    return static_cast<unsigned char>(two[0]) | static_cast<unsigned char>(two[1]) << 8;
  }

  std::string_view take(std::size_t count) {
    if (bytes_.size() - position_ < count) {
      fail("{}: truncated after {} bytes: the end mark is missing", path_.string(), bytes_.size());
    }
    const std::string_view taken = bytes_.substr(position_, count);
    position_ += count;
    return taken;
  }

 private:
  const std::filesystem::path& path_;
  std::string_view bytes_;
  std::size_t position_ = 0;
};

constexpr std::string_view directive = "## ";
constexpr std::string_view resolution = "## time resolution";
constexpr std::string_view definitions = "## annotation type definitions";
constexpr std::string_view end_of_definitions = "## end of definitions";

// An AHA file begins with a null byte, one of its codes, a time of four bytes and the number 1.
bool is_aha(std::string_view bytes) {
  constexpr std::string_view codes = "NVFREPQUO";
  return bytes.size() >= 8 && bytes[0] == '\0' && codes.find(bytes[1]) != std::string_view::npos &&
         bytes[6] == '\1' && bytes[7] == '\0';
}

// The whole of `text` as a number.
template <class T>
std::optional<T> number_of(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

struct Definition {
  int code;
  std::string_view mnemonic;

  // A longer one is the symbol of nothing that is known here.
  char symbol() const { return mnemonic.size() == 1 ? mnemonic[0] : ' '; }
};

// "CODE MNEMONIC [DESCRIPTION]", or nothing where it is none.
std::optional<Definition> definition_of(std::string_view text) {
  const std::vector<std::string_view> words = words_of(text);
  if (words.size() < 2) return {};
  const std::optional<int> code = number_of<int>(words[0]);
  if (!code || *code < 1 || *code > last_code) return {};
  return Definition{*code, words[1]};
}

// What the notes at the beginning of a file say about the rest.
class Description {
 public:
  // Takes the notes out of `annotations`. `path` names the file in errors.
  Description(const std::filesystem::path& path, std::vector<WfdbAnnotation>& annotations);

  // Applies what they said.
  void apply(std::vector<WfdbAnnotation>& annotations, double frequency) const;

 private:
  void read_resolution(std::string_view text);
  void define(std::string_view text);
  // Fails where `annotations`, which follow, contradict what was read.
  void check(const std::vector<WfdbAnnotation>& annotations) const;

  const std::filesystem::path& path_;
  std::optional<double> resolution_;                        // ticks a second
  std::array<std::optional<char>, last_code + 1> symbols_;  // by code, where defined
  std::array<std::string, last_code + 1> loose_;            // notes that may define a code
};

Description::Description(const std::filesystem::path& path,
                         std::vector<WfdbAnnotation>& annotations)
    : path_(path) {
  std::vector<WfdbAnnotation> rest;
  bool defining = false;
  std::size_t i = 0;
  for (; i < annotations.size(); ++i) {
    WfdbAnnotation& annotation = annotations[i];
    // Null annotations separate the description from what follows it, and its two parts.
    const bool null = annotation.code == 0;
    if (annotation.sample != 0 || (!null && (annotation.code != note || annotation.sub != 0)))
      break;
    const std::string_view text = trimmed(annotation.aux);
    if (text.starts_with(resolution)) {
      read_resolution(text);
    } else if (text == definitions) {
      defining = true;
    } else if (text == end_of_definitions) {
      defining = false;
    } else if (text.starts_with(directive)) {
      fail("{}: the note '{}' at the beginning is not understood", path_.string(), excerpt(text));
    } else if (defining && !null && !text.starts_with('#')) {
      define(text);
    } else {
      const std::optional<Definition> loose = definition_of(text);
      if (loose && loose->symbol() != wfdb_symbol(loose->code)) {
        loose_[static_cast<std::size_t>(loose->code)] = text;
      }
      rest.push_back(std::move(annotation));
    }
  }
  if (defining) fail("{}: the note '{}' is missing", path_.string(), end_of_definitions);
  std::move(annotations.begin() + static_cast<std::ptrdiff_t>(i), annotations.end(),
            std::back_inserter(rest));
  annotations = std::move(rest);
  check(annotations);
}

void Description::read_resolution(std::string_view text) {
  std::string_view value = text.substr(resolution.size());
  if (value.starts_with(':')) value = trimmed(value.substr(1));
  const std::optional<double> ticks = number_of<double>(value);
  if (!ticks || !std::isfinite(*ticks) || *ticks <= 0) {
    fail("{}: found '{}', expected ': ' and a positive number of ticks a second", path_.string(),
         excerpt(text));
  }
  if (resolution_ && *resolution_ != *ticks) {
    fail("{}: the time resolution is {} and also {}", path_.string(), *resolution_, *ticks);
  }
  resolution_ = ticks;
}

void Description::define(std::string_view text) {
  const std::optional<Definition> found = definition_of(text);
  if (!found) {
    fail("{}: found the definition '{}', expected a code from 1 to {} and a symbol", path_.string(),
         excerpt(text), static_cast<int>(last_code));
  }
  std::optional<char>& symbol = symbols_[static_cast<std::size_t>(found->code)];
  if (symbol && *symbol != found->symbol()) {
    fail("{}: code {} is defined twice, as '{}' and as '{}'", path_.string(), found->code, *symbol,
         found->symbol());
  }
  symbol = found->symbol();
}

void Description::check(const std::vector<WfdbAnnotation>& annotations) const {
  for (std::size_t i = 0; i < annotations.size(); ++i) {
    const WfdbAnnotation& annotation = annotations[i];
    const std::string& loose = loose_[annotation.code];
    if (!loose.empty()) {
      fail("{}: the note '{}' may define code {} of annotation {}, but stands outside of '{}'",
           path_.string(), excerpt(loose), annotation.code, i, definitions);
    }
    const std::string_view text = trimmed(annotation.aux);
    if (text.starts_with(resolution) || text.starts_with(definitions)) {
      fail("{}: annotation {}: the note '{}' stands after others, expected it before them",
           path_.string(), i, excerpt(text));
    }
  }
}

void Description::apply(std::vector<WfdbAnnotation>& annotations, double frequency) const {
  constexpr double last = 1e15;  // far beyond any recording, and exact
  for (WfdbAnnotation& annotation : annotations) {
    if (const std::optional<char> symbol = symbols_[annotation.code]) annotation.symbol = *symbol;
    if (!resolution_) continue;
    const double sample =
        std::floor(static_cast<double>(annotation.sample) * frequency / *resolution_ + 0.5);
    if (!(sample <= last)) {
      fail("{}: an annotation is at tick {} of {} a second, beyond any signal", path_.string(),
           annotation.sample, *resolution_);
    }
    annotation.sample = static_cast<std::int64_t>(sample);
  }
}

}  // namespace

char wfdb_symbol(int code) {
  return code >= 0 && code <= last_code ? symbols[static_cast<std::size_t>(code)] : ' ';
}

std::uint8_t wfdb_code(char symbol) {
  const std::size_t code = symbol == ' ' ? symbols.npos : symbols.find(symbol);
  if (code == symbols.npos) fail("no annotation has the symbol '{}'", symbol);
  return static_cast<std::uint8_t>(code);
}

namespace {

// All annotations as the file has them: times in its ticks, standard symbols.
std::vector<WfdbAnnotation> read_ticks(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  if (is_aha(bytes)) {
    fail("{}: is in AHA format, which is not supported (MIT format is)", path.string());
  }
  Words words(path, bytes);
  std::vector<WfdbAnnotation> annotations;
  std::int64_t time = 0;
  std::int8_t current_num = 0, current_chan = 0;
  for (;;) {
    const std::size_t position = words.position();
    const unsigned word = words.word();
    if (word == 0) return annotations;
    const int code = static_cast<int>(word >> 10);
    const unsigned low = word & 0x3FF;
    if (code >= num && annotations.empty()) {
      fail("{}: byte {}: code {} describes an annotation, but none stands before it", path.string(),
           position, code);
    }
    // A byte as the signed value that it stands for.
    const auto value = static_cast<std::int8_t>(low & 0xFF);
    if (code == skip) {
      // 32 bits, the high word first (the order of a PDP-11).
      const unsigned high = words.word();
      time += static_cast<std::int32_t>(high << 16 | words.word());
    } else if (code == num) {
      annotations.back().num = current_num = value;
    } else if (code == sub) {
      annotations.back().sub = value;
    } else if (code == chn) {
      annotations.back().chan = current_chan = value;
    } else if (code == aux) {
      std::string& text = annotations.back().aux;
      text = words.take(low);
      if (low % 2 != 0) words.take(1);
      text.resize(text.find_last_not_of('\0') + 1);  // writers of C end it with a zero
    } else if (code <= last_code) {
      time += low;
      const std::int64_t before = annotations.empty() ? 0 : annotations.back().sample;
      if (time < before) {
        fail("{}: annotation {} is at sample {}, before {} at sample {}", path.string(),
             annotations.size(), time, annotations.empty() ? "the start" : "the one before it",
             before);
      }
      WfdbAnnotation annotation;
      annotation.sample = time;
      annotation.symbol = wfdb_symbol(code);
      annotation.code = static_cast<std::uint8_t>(code);
      annotation.num = current_num;
      annotation.chan = current_chan;
      annotations.push_back(std::move(annotation));
    } else {
      fail("{}: byte {}: annotation code {} is not defined", path.string(), position, code);
    }
  }
}

}  // namespace

std::vector<WfdbAnnotation> read_wfdb_annotations(const std::filesystem::path& path,
                                                  double frequency) {
  std::vector<WfdbAnnotation> annotations = read_ticks(path);
  const Description description(path, annotations);
  description.apply(annotations, frequency);
  return annotations;
}

namespace {

void append_word(std::string& bytes, unsigned word) {
  bytes += static_cast<char>(word & 0xFF);
  bytes += static_cast<char>(word >> 8 & 0xFF);
}

void append_field(std::string& bytes, int code, std::int8_t value) {
  append_word(bytes, static_cast<unsigned>(code) << 10 | static_cast<std::uint8_t>(value));
}

// The longest time that one SKIP holds; of longer ones there are several.
void append_skips(std::string& bytes, std::int64_t& time) {
  while (time > 0x3FF) {
    const std::int64_t step = std::min<std::int64_t>(time, 0x7FFFFFFF);
    append_word(bytes, static_cast<unsigned>(skip) << 10);
    append_word(bytes, static_cast<unsigned>(step >> 16));
    append_word(bytes, static_cast<unsigned>(step));
    time -= step;
  }
}

void append_text(std::string& bytes, const std::string& text) {
  append_word(bytes, static_cast<unsigned>(aux) << 10 | static_cast<unsigned>(text.size()));
  bytes += text;
  if (text.size() % 2 != 0) bytes += '\0';
}

// A note with the frequency, then a step back and a null annotation one on, at time 0, which
// separates what describes the file from the rest.
std::string description_bytes(double frequency) {
  std::string bytes;
  append_word(bytes, static_cast<unsigned>(note) << 10);
  append_text(bytes, fmt::format("{}: {}", resolution, frequency));
  for (const unsigned word : {static_cast<unsigned>(skip) << 10, 0xFFFFU, 0xFFFFU, 1U}) {
    append_word(bytes, word);
  }
  return bytes;
}

}  // namespace

std::string wfdb_annotation_bytes(std::span<const WfdbAnnotation> annotations,
                                  std::optional<double> frequency) {
  std::string bytes = frequency ? description_bytes(*frequency) : "";
  WfdbAnnotation before;
  for (std::size_t i = 0; i < annotations.size(); ++i) {
    const WfdbAnnotation& annotation = annotations[i];
    if (annotation.sample < before.sample) {
      fail("annotation {} is at sample {}, before {}", i, annotation.sample, before.sample);
    }
    if (annotation.code < 1 || annotation.code > last_code) {
      fail("annotation {} has code {}, expected 1 to {}", i, annotation.code,
           static_cast<int>(last_code));
    }
    if (annotation.aux.size() > 255) {
      fail("annotation {} has a text of {} bytes, expected 255 or less", i, annotation.aux.size());
    }
    std::int64_t time = annotation.sample - before.sample;
    append_skips(bytes, time);
    append_word(bytes, static_cast<unsigned>(annotation.code) << 10 | static_cast<unsigned>(time));
    if (annotation.sub != 0) append_field(bytes, sub, annotation.sub);
    if (annotation.chan != before.chan) append_field(bytes, chn, annotation.chan);
    if (annotation.num != before.num) append_field(bytes, num, annotation.num);
    if (!annotation.aux.empty()) append_text(bytes, annotation.aux);
    before = annotation;
  }
  append_word(bytes, 0);
  return bytes;
}

}  // namespace ekgine
