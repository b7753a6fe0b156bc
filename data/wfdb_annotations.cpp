#include "data/wfdb_annotations.h"

#include <string_view>

#include "base/atomic_file.h"
#include "base/error.h"

namespace ekgine {

namespace {

// Indexed by code; blank where no symbol is defined (0, 15, 17 and the codes left to users, 42 up).
constexpr std::string_view symbols = " NLRaVFJASEj/Q~ | sT*D\"=pB^t+u?![]en@xf()r        ";
static_assert(symbols.size() == 50);

enum Code { last_code = 49, skip = 59, num = 60, sub = 61, chn = 62, aux = 63 };

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

}  // namespace

char wfdb_symbol(int code) {
  return code >= 0 && code <= last_code ? symbols[static_cast<std::size_t>(code)] : ' ';
}

std::vector<WfdbAnnotation> read_wfdb_annotations(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
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

}  // namespace ekgine
