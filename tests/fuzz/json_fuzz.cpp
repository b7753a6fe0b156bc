#include "base/json_file.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  const std::string_view text = fuzz::text_of(data, size);
  fuzz::try_to_read([&] { parse_json(text, "input"); });
  fuzz::try_to_read([&] { parse_json<nlohmann::ordered_json>(text, "input"); });
  return 0;
}
