// bench/step_launches.md: what a training step launches, counted on the emulated device.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#if EKGINE_CUDA_EMULATED
#include "base/atomic_file.h"
#include "emulation/emulation.h"
#include "tests/cases/random.h"
#include "training/step.h"

namespace ekgine::testing {
namespace {

using Launches = std::map<std::string, std::uint64_t>;

// Of a step of Main_Model, with the defaults but for a batch of few beats, once it is a graph.
Launches launches_of_step(DType activations) {
  constexpr std::int64_t beats = 6, sequences = 4;
  Device device = Device::cuda(0, activations);
  const ModelConfig config;
  Model model(config, device, ParameterSet::Use::training, 1);
  model.set_normalisation(std::vector<double>(beat_samples, 0),
                          std::vector<double>(beat_samples, 1));
  Random random(3);
  std::vector<float> values;
  for (std::int64_t i = 0; i < beats * beat_samples; ++i) {
    values.push_back(static_cast<float>(random.normal()));
  }
  const BeatSpan resident{values, config.input()};
  TrainingStep step(model, device,
                    {.class_weights = std::vector<float>(class_count, 1.0F),
                     .jitter = {.deviation = 0.25},
                     .sequences = sequences,
                     .beats = beats,
                     .resident_beats = resident});
  std::vector<std::int32_t> numbers(beats), index;
  std::iota(numbers.begin(), numbers.end(), 0);
  for (std::int32_t i = 0; i < sequences * config.sequence_length; ++i) index.push_back(i % 6);
  const std::vector<std::int32_t> labels = {0, 1, 2, 3};
  for (int i = 1; i <= 2; ++i) step.run({{}, numbers, index, labels}, i, 1e-3);
  return emulation::launched_graph();
}

std::uint64_t sum_of(const Launches& launches) {
  return std::accumulate(launches.begin(), launches.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& of) { return sum + of.second; });
}

// The table of the file, from its heading on.
std::string table(const Launches& in_float, const Launches& in_bfloat16) {
  std::set<std::string> names;
  for (const Launches* of : {&in_float, &in_bfloat16}) {
    for (const auto& [name, count] : *of) names.insert(name);
  }
  const auto count = [](const Launches& of, const std::string& name) {
    const auto found = of.find(name);
    return found == of.end() ? 0 : found->second;
  };
  std::string text = "| launch | float | bfloat16 |\n| --- | --- | --- |\n";
  text += fmt::format("| **all** | **{}** | **{}** |\n", sum_of(in_float), sum_of(in_bfloat16));
  for (const std::string& name : names) {
    text +=
        fmt::format("| `{}` | {} | {} |\n", name, count(in_float, name), count(in_bfloat16, name));
  }
  return text;
}

TEST(StepLaunches, AreThoseOfTheTable) {
  const std::string expected = table(launches_of_step(DType::f32), launches_of_step(DType::bf16));
  const std::string file = read_file(EKGINE_SOURCE_DIR "/bench/step_launches.md");
  const std::size_t begin = file.find("| launch |");
  const std::string found = begin == std::string::npos ? "" : file.substr(begin);
  EXPECT_TRUE(found == expected) << "bench/step_launches.md should have:\n" << expected;
}

}  // namespace
}  // namespace ekgine::testing
#endif
