// bench/training_step.md: what a training step launches and moves, counted on the emulated device.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
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

struct Counted {
  Launches launches;
  std::map<std::string, double> bytes;  // that cross global memory, by kernel or library call
};

// Of a step of Main_Model, with the defaults but for a batch of few beats, once it is a graph.
Counted count_step(DType activations, std::int64_t beats) {
  constexpr std::int64_t sequences = 4;
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
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(beats)), index;
  std::iota(numbers.begin(), numbers.end(), 0);
  for (std::int32_t i = 0; i < sequences * config.sequence_length; ++i) {
    index.push_back(i % static_cast<std::int32_t>(beats));
  }
  const std::vector<std::int32_t> labels = {0, 1, 2, 3};
  for (int i = 1; i <= 2; ++i) step.run({{}, numbers, index, labels}, i, 1e-3);
  device.wait();
  emulation::count_accesses(true);
  step.run({{}, numbers, index, labels}, 3, 1e-3);
  device.wait();
  emulation::count_accesses(false);
  Counted counted{.launches = emulation::launched_graph(), .bytes = {}};
  for (const auto& [name, of] : emulation::take_counters()) {
    counted.bytes[name] += static_cast<double>(of.loads.bytes + of.stores.bytes);
  }
  for (const auto& [name, bytes] : emulation::take_library_bytes()) {
    counted.bytes[name] += static_cast<double>(bytes);
  }
  return counted;
}

template <class Count>
Count sum_of(const std::map<std::string, Count>& counts) {
  return std::accumulate(counts.begin(), counts.end(), Count{0},
                         [](Count sum, const auto& of) { return sum + of.second; });
}

// A table of a count in float and in bfloat16 by name, and of their sums.
template <class Counts, class Format>
std::string table(const char* heading, const Counts& in_float, const Counts& in_bfloat16,
                  const Format& format) {
  std::set<std::string> names;
  for (const Counts* of : {&in_float, &in_bfloat16}) {
    for (const auto& [name, count] : *of) names.insert(name);
  }
  const auto count = [](const Counts& of, const std::string& name) {
    const auto found = of.find(name);
    return found == of.end() ? 0 : found->second;
  };
  std::string text = fmt::format("| {} | float | bfloat16 |\n| --- | --: | --: |\n", heading);
  text += fmt::format("| **all** | **{}** | **{}** |\n", format(sum_of(in_float)),
                      format(sum_of(in_bfloat16)));
  for (const std::string& name : names) {
    const std::string left = format(count(in_float, name)),
                      right = format(count(in_bfloat16, name));
    if (left != format(0) || right != format(0)) {
      text += fmt::format("| `{}` | {} | {} |\n", name, left, right);
    }
  }
  return text;
}

// The table of the file that begins with this heading.
std::string table_of_file(const std::string& heading) {
  const std::string file = read_file(EKGINE_SOURCE_DIR "/bench/training_step.md");
  const std::size_t begin = file.find("| " + heading + " |");
  if (begin == std::string::npos) return "";
  const std::size_t end = file.find("\n\n", begin);
  return end == std::string::npos ? file.substr(begin) : file.substr(begin, end + 1 - begin);
}

void expect_table(const std::string& heading, const std::string& expected) {
  EXPECT_TRUE(table_of_file(heading) == expected) << "bench/training_step.md should have:\n"
                                                  << expected;
}

// What one more beat moves, in thousands of elements of an image. Of weights and of sequences
// nothing is left in the difference.
std::map<std::string, double> elements_of_a_beat(const Counted& less, const Counted& more,
                                                 DType type) {
  std::map<std::string, double> elements;
  for (const auto& [name, bytes] : more.bytes) {
    const auto before = less.bytes.find(name);
    const double difference = bytes - (before == less.bytes.end() ? 0 : before->second);
    elements[name] = difference / static_cast<double>(size_of(type)) / 1000;
  }
  return elements;
}

TEST(TrainingStep, LaunchesAndMovesWhatItsTablesSay) {
  Counted of_one[2], of_two[2];
  std::map<std::string, double> moved[2];
  for (const int i : {0, 1}) {
    const DType type = i == 0 ? DType::f32 : DType::bf16;
    of_one[i] = count_step(type, 1);
    of_two[i] = count_step(type, 2);
    moved[i] = elements_of_a_beat(of_one[i], of_two[i], type);
  }
  const auto whole = [](std::uint64_t count) { return fmt::format("{}", count); };
  const auto rounded = [](double count) { return fmt::format("{:.0f}", std::max(count, 0.0)); };
  expect_table("launch", table("launch", of_two[0].launches, of_two[1].launches, whole));
  expect_table("moved by", table("moved by", moved[0], moved[1], rounded));
}

}  // namespace
}  // namespace ekgine::testing
#endif
