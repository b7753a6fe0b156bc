#include "data/normalisation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <span>

#include "base/error.h"
#include "data/scalogram.h"
#include "data/workers.h"

namespace ekgine {

namespace {

// Beats of one partial sum: their scalograms, 1.5 MB, stay in cache between their passes.
constexpr std::int64_t block_beats = 64;
// Records held at once. Blocks of several records keep all threads busy to the end of them.
constexpr std::int64_t group_records = 8;

// Count, mean and sum of squared deviations from the mean, per column.
struct Moments {
  double count = 0;
  std::array<double, beat_samples> mean{}, squares{};

  void merge(const Moments& other) {
    const double total = count + other.count;
    for (std::size_t t = 0; t < mean.size(); ++t) {
      const double delta = other.mean[t] - mean[t];
      mean[t] += delta * other.count / total;
      squares[t] += other.squares[t] + delta * delta * count * other.count / total;
    }
    count = total;
  }
};

// Of rows of 187 values: the mean first, then the deviations from it.
Moments block_moments(std::span<const float> values) {
  Moments m;
  m.count = static_cast<double>(values.size() / beat_samples);
  for (std::size_t row = 0; row < values.size(); row += beat_samples) {
    for (std::size_t t = 0; t < beat_samples; ++t) m.mean[t] += values[row + t];
  }
  for (double& mean : m.mean) mean /= m.count;
  for (std::size_t row = 0; row < values.size(); row += beat_samples) {
    for (std::size_t t = 0; t < beat_samples; ++t) {
      const double deviation = values[row + t] - m.mean[t];
      m.squares[t] += deviation * deviation;
    }
  }
  return m;
}

}  // namespace

Normalisation compute_normalisation(Dataset& dataset,
                                    const std::function<void(std::int64_t)>& progress) {
  struct Block {
    std::int64_t record, first, count;  // beats [first, first + count) of the record
  };
  const SequenceIndex& index = dataset.index();
  Moments total;
  std::mutex mutex;  // guards done, and serialises progress
  std::int64_t done = 0;
  for (std::int64_t begin = 0; begin < index.records(); begin += group_records) {
    const std::int64_t end = std::min(begin + group_records, index.records());
    std::vector<std::int64_t> records;
    std::vector<Block> blocks;
    for (std::int64_t r = begin; r < end; ++r) {
      records.push_back(r);
      const std::int64_t n = index.first_beat(r + 1) - index.first_beat(r);
      for (std::int64_t first = 0; first < n; first += block_beats) {
        blocks.push_back({r, first, std::min(block_beats, n - first)});
      }
    }
    dataset.hold(records);
    std::vector<Moments> moments(blocks.size());
    for_each_item(std::ssize(blocks), [&](std::int64_t i, const Cpu& cpu) {
      const Block& block = blocks[static_cast<std::size_t>(i)];
      thread_local std::vector<float> scalograms;
      scalograms.resize(static_cast<std::size_t>(block.count * scalogram_size));
      compute_scalograms(cpu,
                         dataset.beats(block.record)
                             .subspan(static_cast<std::size_t>(block.first * beat_samples),
                                      static_cast<std::size_t>(block.count * beat_samples)),
                         scalograms);
      moments[static_cast<std::size_t>(i)] = block_moments(scalograms);
      const std::lock_guard lock(mutex);
      done += block.count;
      if (progress) progress(done);
    });
    for (const Moments& m : moments) total.merge(m);
  }
  Normalisation result;
  for (std::size_t t = 0; t < total.mean.size(); ++t) {
    result.mean.push_back(total.mean[t]);
    result.std.push_back(std::sqrt(total.squares[t] / total.count));
    if (!(result.std[t] > 0)) {
      fail("normalisation: column {} of the scalograms is constant over records {}", t,
           fmt::join(index.record_names(), ", "));
    }
  }
  return result;
}

}  // namespace ekgine
