// A record of several segments: its header, that of a layout and those of two segments, with zero
// bytes between them; then samples.
#include "data/recording.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  static const fuzz::Folder folder;
  const auto [record, layout, first, second, samples] =
      fuzz::parts_of<5>(fuzz::text_of(data, size));
  const auto path = folder.write("r.hea", record);
  folder.write("l.hea", layout);
  folder.write("a.hea", first);
  folder.write("b.hea", second);
  folder.write("a.dat", samples);
  fuzz::try_to_read([&] {
    const Recording recording = open_recording(path);
    const auto lead = choose_lead(recording, "");
    fuzz::try_to_read([&] { read_lead(recording, lead); });
    fuzz::try_to_read([&] { read_lead(recording, recording.leads.size() - 1); });
  });
  return 0;
}
