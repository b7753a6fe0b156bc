#include "base/json_file.h"
#include "data/splits.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  // An even first byte: the rest is the file as it stands. Odd: it is sealed first, so that what
  // stands behind the seal is read, too.
  if (size == 0) return 0;
  static const fuzz::Folder folder;
  std::string text(fuzz::text_of(data + 1, size - 1));
  return fuzz::try_to_read([&] {
    if (data[0] % 2 == 1) {
      const auto json = parse_json<nlohmann::ordered_json>(text, "input");
      if (!json.is_object()) return;
      text = sealed_json(json);
    }
    read_split(folder.write("splits.json", text));
  });
}
