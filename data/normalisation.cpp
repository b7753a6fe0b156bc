#include "data/normalisation.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <span>

#include "base/error.h"
#include "data/moments.h"
#include "data/workers.h"

namespace ekgine {

namespace {

// Records held at once. Blocks of several records keep all threads busy to the end of them.
constexpr std::size_t group_records = 8;

}  // namespace

Normalisation compute_normalisation(Dataset& dataset,
                                    const std::function<void(std::int64_t)>& progress) {
  struct Block {
    std::int64_t record, first, count;  // beats [first, first + count) of the record
  };
  const SequenceIndex& index = dataset.index();
  std::vector<Moments> of_records(static_cast<std::size_t>(index.records()));
  std::vector<std::int64_t> unknown;
  std::mutex mutex;  // guards done, and serialises progress
  std::int64_t done = 0;
  for (std::int64_t r = 0; r < index.records(); ++r) {
    if (const std::optional<Moments>& known = dataset.known_moments(r)) {
      of_records[static_cast<std::size_t>(r)] = *known;
      done += index.first_beat(r + 1) - index.first_beat(r);
    } else {
      unknown.push_back(r);
    }
  }
  if (progress && done > 0) progress(done);
  for (std::size_t begin = 0; begin < unknown.size(); begin += group_records) {
    const std::span<const std::int64_t> records =
        std::span(unknown).subspan(begin, std::min(group_records, unknown.size() - begin));
    std::vector<Block> blocks;
    for (const std::int64_t r : records) {
      const std::int64_t n = index.first_beat(r + 1) - index.first_beat(r);
      for (std::int64_t first = 0; first < n; first += moments_block) {
        blocks.push_back({r, first, std::min(moments_block, n - first)});
      }
    }
    dataset.hold(records);
    std::vector<Moments> moments(blocks.size());
    for_each_item(std::ssize(blocks), [&](std::int64_t i, const Cpu& cpu) {
      const Block& block = blocks[static_cast<std::size_t>(i)];
      moments[static_cast<std::size_t>(i)] =
          block_moments(cpu, dataset.beats(block.record)
                                 .subspan(static_cast<std::size_t>(block.first * beat_samples),
                                          static_cast<std::size_t>(block.count * beat_samples)));
      const std::lock_guard lock(mutex);
      done += block.count;
      if (progress) progress(done);
    });
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      of_records[static_cast<std::size_t>(blocks[i].record)].merge(moments[i]);
    }
  }
  Moments total;
  for (const Moments& m : of_records) total.merge(m);
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

Normalisation feature_normalisation(Dataset& dataset, std::int64_t records) {
  const auto width = static_cast<std::size_t>(row_width(dataset.unit()));
  Normalisation result{std::vector<double>(width), std::vector<double>(width)};
  const auto beats = static_cast<double>(dataset.index().first_beat(records));
  const auto for_each_value = [&dataset, records, width](const auto& visit) {
    for (std::int64_t r = 0; r < records; ++r) {
      dataset.hold({&r, 1});
      const std::span<const float> rows = dataset.beats(r);
      for (std::size_t i = 0; i < rows.size(); ++i) visit(i % width, static_cast<double>(rows[i]));
    }
  };
  for_each_value([&](std::size_t c, double x) { result.mean[c] += x / beats; });
  for_each_value([&](std::size_t c, double x) {
    const double deviation = x - result.mean[c];
    result.std[c] += deviation * deviation / beats;
  });
  for (double& std : result.std) std = std > 1e-12 ? std::sqrt(std) : 1;
  return result;
}

}  // namespace ekgine
