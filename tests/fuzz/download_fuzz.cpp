// A whole download from a mirror whose lists and headers are the input's: SHA256SUMS.txt, RECORDS,
// ANNOTATORS, a.hea and p/b.hea, with zero bytes between them.
#include "base/sha256.h"
#include "data/download.h"
#include "data/text_lines.h"
#include "fuzz.h"

namespace {

using namespace ekgine;
namespace fs = std::filesystem;

// Gives lines that name a file of the mirror its checksum.
std::string with_right_sums(std::string_view list, const fs::path& mirror) {
  std::string sums;
  for (const TextLine& line : text_lines(list)) {
    const std::string_view name = words_of(line.text).back();
    std::string text(line.text);
    for (const char* file : {"RECORDS", "ANNOTATORS", "a.hea", "a.dat", "a.atr", "p/b.hea"}) {
      if (name == file && text.size() > blank_seal.size()) {
        text.replace(0, blank_seal.size(), sha256_of_file(mirror / file));
      }
    }
    sums += text + "\n";
  }
  return sums;
}

std::ptrdiff_t count_files(const fs::path& folder) {
  const fs::recursive_directory_iterator files(folder);
  return std::distance(begin(files), end(files));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  const fs::path mirror = folder / "mirror";
  fs::create_directories(mirror / "p");
  const auto [sums, records, annotators, a, b] = fuzz::parts_of<5>(fuzz::text_of(data, size));
  folder.write("mirror/RECORDS", records);
  folder.write("mirror/ANNOTATORS", annotators);
  folder.write("mirror/a.hea", a);
  folder.write("mirror/a.dat", "samples");
  folder.write("mirror/a.atr", "annotations");
  folder.write("mirror/p/b.hea", b);
  folder.write("mirror/SHA256SUMS.txt", with_right_sums(sums, mirror));
  const std::ptrdiff_t before = count_files(folder.path());
  for (const bool all_files : {false, true}) {
    DownloadOptions options;
    options.mirror = "file://" + mirror.string();
    options.output = folder / "output";
    options.all_files = all_files;
    options.retries = 0;
    options.first_delay = {};
    fuzz::try_to_read([&] { download(options); });
    fs::remove_all(options.output);
    // Nothing may be written beside the output.
    if (count_files(folder.path()) != before) std::abort();
  }
  return 0;
}
