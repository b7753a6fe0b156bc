#include "data/beat_waves.h"

#include <algorithm>

#include "base/median.h"
#include "data/beats.h"
#include "data/workers.h"
#include "detection/butterworth.h"

namespace ekgine {

namespace {

constexpr double least_amplitude = 0.05;  // mV
constexpr auto decimation = static_cast<std::int64_t>(beat_frequency / wave_frequency);
constexpr std::int64_t reach_before = decimation * wave_before;
constexpr std::int64_t reach_after = decimation * (wave_samples - 1 - wave_before);
constexpr std::int64_t filter_block = 1 << 16;  // samples that are filtered at once: 3 minutes

static_assert(decimation * wave_frequency == beat_frequency);

// The windows (n, 96), in mV, of the beats of a lead.
class LeadWaves {
 public:
  LeadWaves(std::span<const float> signal, std::span<const std::int64_t> r_samples)
      : signal_(signal), r_samples_(r_samples) {
    windows_.resize(r_samples.size() * wave_samples);
    if (r_samples.empty()) return;
    const std::int64_t blocks = r_samples.back() / filter_block + 1;
    for_each_item(blocks, [&](std::int64_t i, const Cpu&) { cut_block(i * filter_block); });
  }

  // Of max − min.
  double median_range() const {
    std::vector<double> ranges;
    ranges.reserve(r_samples_.size());
    for (std::size_t i = 0; i < r_samples_.size(); ++i) {
      const auto [least, most] = std::ranges::minmax_element(window(i));
      ranges.push_back(*most - *least);
    }
    return median_of(ranges);
  }

  std::span<const double> window(std::size_t beat) const {
    return std::span(windows_).subspan(beat * wave_samples, wave_samples);
  }

 private:
  // Those whose R is in the block. So much around it is filtered, too, that the filter has settled.
  void cut_block(std::int64_t begin) {
    static const BandPass band = butterworth_band_pass(0.5, 40, beat_frequency);
    const auto first_beat = std::ranges::lower_bound(r_samples_, begin);
    const auto last_beat = std::ranges::lower_bound(r_samples_, begin + filter_block);
    const std::int64_t size = std::ssize(signal_);
    const std::int64_t from = std::max<std::int64_t>(0, begin - reach_before - band.settling);
    const std::int64_t to = std::min(size, begin + filter_block + reach_after + band.settling);
    if (first_beat == last_beat || from >= to) return;
    std::vector<double> filtered(signal_.begin() + from, signal_.begin() + to);
    filter_both_ways(band, filtered);
    for (auto beat = first_beat; beat != last_beat; ++beat) {
      double* window = windows_.data() + (beat - r_samples_.begin()) * wave_samples;
      for (std::int64_t k = 0; k < wave_samples; ++k) {
        const std::int64_t at = *beat + decimation * (k - wave_before);
        if (at < from || at >= to) continue;  // beyond the end of the recording
        window[k] = filtered[static_cast<std::size_t>(at - from)];
      }
    }
  }

  std::span<const float> signal_;  // while they are cut
  std::span<const std::int64_t> r_samples_;
  std::vector<double> windows_;
};

}  // namespace

BeatWaves cut_waves(std::vector<std::vector<float>> leads,
                    std::span<const std::int64_t> r_samples) {
  BeatWaves waves;
  waves.samples.resize(r_samples.size() * wave_leads * wave_samples);
  for (std::size_t l = 0; l < leads.size(); ++l) {
    const LeadWaves lead(leads[l], r_samples);
    leads[l] = {};  // a day's is 124 MB
    const double range = lead.median_range();
    if (l > 0 && range == 0) continue;
    ++waves.leads;
    const double amplitude = std::max(range, least_amplitude);
    for (std::size_t i = 0; i < r_samples.size(); ++i) {
      std::ranges::transform(
          lead.window(i),
          waves.samples.begin() + static_cast<std::ptrdiff_t>((i * wave_leads + l) * wave_samples),
          [&](double x) {
            return static_cast<float>(std::clamp(x / amplitude, -most_amplitudes, most_amplitudes));
          });
    }
  }
  return waves;
}

}  // namespace ekgine
