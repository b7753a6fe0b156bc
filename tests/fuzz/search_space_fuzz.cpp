// The search space of `ekgine tune`, and configurations drawn from it.
#include "research/search_space.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ekgine;
  fuzz::try_to_read([&] {
    const auto space = SearchSpace::parse(fuzz::text_of(data, size), "space.toml");
    for (std::int64_t trial = 0; trial < 4; ++trial) {
      fuzz::try_to_read([&] { with_values(TrainOptions(), space.draw(1, trial, 0)); });
    }
  });
  return 0;
}
