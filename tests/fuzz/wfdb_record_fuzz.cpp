// The beats of a whole record: its header up to a zero byte, the size of its annotations in two
// bytes, annotations, samples.
#include "data/beats.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const auto [header, rest] = fuzz::parts_of<2>(fuzz::text_of(data, size));
  if (rest.size() < 2) return 0;
  const std::size_t length =
      static_cast<unsigned char>(rest[0]) | static_cast<unsigned char>(rest[1]) << 8;
  const std::string_view files = rest.substr(2);
  folder.write("r.hea", header);
  folder.write("r.atr", files.substr(0, length));
  folder.write("r.dat", files.substr(std::min(length, files.size())));
  fuzz::try_to_read([&] {
    const RecordBeats beats = read_record_beats(folder.path(), "r", label_map("reference"));
    if (std::ssize(beats.beats) != beats.size() * beat_samples) std::abort();
  });
  return 0;
}
