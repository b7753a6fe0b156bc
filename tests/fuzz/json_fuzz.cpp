#include "base/json_file.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  return fuzz::try_to_read([&] { parse_json(fuzz::text_of(data, size), "input"); });
}
