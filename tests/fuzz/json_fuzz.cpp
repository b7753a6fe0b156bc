#include <cstdlib>

#include "base/json.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  const std::string_view text = fuzz::text_of(data, size);
  // What is read is written as a text that is read as the same.
  fuzz::try_to_read([&] {
    const Json json = parse_json(text, "input");
    if (parse_json(json.dump(), "what was written") != json) std::abort();
  });
  return 0;
}
