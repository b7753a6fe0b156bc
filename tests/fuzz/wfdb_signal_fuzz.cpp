// Samples of one format, FUZZ_FORMAT. The first eight bytes make the header: signals, what it says
// of them, skew, where the samples begin, their number.
#include "data/wfdb_signal.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  constexpr std::size_t head = 8;
  if (size < head) return 0;
  static const fuzz::Folder folder;
  const auto path = folder.write("100.dat", fuzz::text_of(data + head, size - head));
  WfdbHeader header{.path = folder / "100.hea", .record = "100"};
  header.signals.resize(1 + data[0] % 4);
  const std::int64_t samples = data[6] | data[7] << 8;
  if (data[1] & 1) header.samples = samples;
  for (std::size_t i = 0; i < header.signals.size(); ++i) {
    WfdbSignal& signal = header.signals[i];
    signal.file = "100.dat";
    signal.format = FUZZ_FORMAT;
    if (data[1] & 16) signal.samples_per_frame = 1 + data[2] / 16 % 4;
    signal.byte_offset = data[2] % 16;
    signal.skew = (data[1] & 2) && i % 2 == 1 ? static_cast<std::int8_t>(data[3]) : 0;
    if (data[1] & 4) signal.checksum = data[4] | data[5] << 8;
    if (data[1] & 8) signal.units = "uV";
    signal.line = static_cast<int>(i) + 2;
  }
  for (std::size_t i = 0; i < header.signals.size(); ++i) {
    fuzz::try_to_read([&] {
      const auto values = read_wfdb_millivolts(header, i);
      const std::int64_t frame = header.signals[i].samples_per_frame;
      if (header.samples && std::ssize(values) != *header.samples * frame) std::abort();
    });
  }
  return 0;
}
