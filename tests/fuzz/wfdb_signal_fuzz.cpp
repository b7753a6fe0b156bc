#include "data/wfdb_signal.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  // The first byte chooses the format, the rest are the samples of two signals in one file.
  if (size == 0) return 0;
  static const fuzz::Folder folder;
  constexpr int formats[] = {16, 80, 212};
  const int format = formats[data[0] % 3];
  const auto samples = folder.write("100.dat", fuzz::text_of(data + 1, size - 1));
  WfdbHeader header{.path = samples.parent_path() / "100.hea", .record = "100"};
  header.signals.resize(2);
  for (WfdbSignal& signal : header.signals) {
    signal.file = "100.dat";
    signal.format = format;
  }
  return fuzz::try_to_read([&] { read_wfdb_millivolts(header, 1); });
}
