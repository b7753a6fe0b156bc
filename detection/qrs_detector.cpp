#include "detection/qrs_detector.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/median.h"
#include "detection/butterworth.h"

namespace ekgine {

namespace {

constexpr std::int64_t second = 360;
constexpr std::int64_t energy_half = 21;         // 43 samples
constexpr std::int64_t apart = 72;               // candidates: 200 ms
constexpr std::int64_t around = 21;              // slope and placement: 60 ms
constexpr std::int64_t largest_half = 270;       // of 1.5 s
constexpr std::int64_t context = 8;              // seconds of levels on either side
constexpr double least_share = 0.3;              // of the median level
constexpr double of_level = 0.32, of_noise = 2;  // the threshold
constexpr double most_of_level = 0.7;
constexpr double least_energy = 0.015;   // mV
constexpr std::int64_t refractory = 72;  // 200 ms
constexpr std::int64_t t_wave = 130;     // 360 ms
constexpr double t_wave_slope = 0.5;
constexpr double long_gap = 1.5;  // of the median RR
constexpr double search_threshold = 0.5;
constexpr std::size_t rr_count = 8;
constexpr std::int64_t longest_rr = 2 * second;  // that says anything of the rhythm
// Signals are filtered block by block, always the same ones, so that memory does not grow with the
// recording, each with so much of its neighbours that the filters have settled.
constexpr std::int64_t block = 96 * second, margin = 4 * second;

// A maximum of the energy.
struct Candidate {
  std::int64_t sample = 0;
  std::int64_t place = 0;  // where a beat here would be put
  double energy = 0;
  double slope = 0;
};

// What is known of a whole signal once it has been filtered; all that the decisions need.
struct Features {
  std::vector<Candidate> candidates;
  std::vector<double> largest;  // energy of every second
  std::vector<double> typical;
};

// The samples begin ... end - 1.
struct Reach {
  std::int64_t begin, end;
};

// A stretch of the signal and what filters make of it, wider than the block that it is for.
// Positions are those of the signal.
class Stretch {
 public:
  Stretch(std::span<const float> signal, std::int64_t begin, std::int64_t end) : begin_(begin) {
    static const BandPass energy_band = butterworth_band_pass(8, 20, detection_frequency);
    static const BandPass place_band = butterworth_band_pass(4.5, 25, detection_frequency);
    const auto part =
        signal.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    band_.assign(part.begin(), part.end());
    shape_ = band_;
    filter_both_ways(energy_band, band_);
    filter_both_ways(place_band, shape_);
    for (double& x : shape_) x = std::abs(x);
    set_energy();
  }

  std::int64_t end() const { return begin_ + std::ssize(energy_); }
  double energy(std::int64_t i) const { return energy_[static_cast<std::size_t>(i - begin_)]; }

  // Largest within `apart` on either side, the first of equals.
  bool is_candidate(std::int64_t i) const {
    if (i <= begin_ || i + 1 >= end()) return false;
    const double e = energy(i);
    if (e <= energy(i - 1) || e < energy(i + 1)) return false;
    const std::int64_t from = std::max(begin_, i - apart), to = std::min(end(), i + apart + 1);
    for (std::int64_t j = from; j < i; ++j) {
      if (energy(j) >= e) return false;
    }
    for (std::int64_t j = i + 1; j < to; ++j) {
      if (energy(j) > e) return false;
    }
    return true;
  }

  // Where a beat is put whose energy is largest at i: within `around` of it and in `reach`.
  std::int64_t place(std::int64_t i, Reach reach) const {
    return largest_of(shape_,
                      {std::max(reach.begin, i - around), std::min(reach.end, i + around + 1)}, i);
  }

  // Of the mark of a beat that may be moved within `reach`.
  std::int64_t place_of_mark(std::int64_t mark, Reach reach) const {
    const Reach near{std::max(reach.begin, mark - placement_reach),
                     std::min(reach.end, mark + placement_reach + 1)};
    return place(largest_of(energy_, near, mark), reach);
  }

  Candidate candidate(std::int64_t i) const {
    const std::int64_t from = std::max(begin_, i - around), to = std::min(end(), i + around + 1);
    Candidate candidate{.sample = i, .place = place(i, {from, to}), .energy = energy(i)};
    for (std::int64_t j = from; j < to; ++j) {
      const auto at = static_cast<std::size_t>(j - begin_);
      if (at > 0) candidate.slope = std::max(candidate.slope, std::abs(band_[at] - band_[at - 1]));
    }
    return candidate;
  }

  double largest(std::int64_t from, std::int64_t to) const {
    double most = 0;
    for (std::int64_t i = std::max(from, begin_); i < std::min(to, end()); ++i) {
      most = std::max(most, energy(i));
    }
    return most;
  }

  double typical(std::int64_t from, std::int64_t to) const {
    const auto first = energy_.begin() + (from - begin_);
    return median_of(std::vector<double>(first, first + (std::min(to, end()) - from)));
  }

 private:
  // By a running sum, whose rounding after a large artefact is 1e-8 of it. Windows that stick out
  // of the stretch are filled with zeros.
  void set_energy() {
    constexpr std::int64_t width = 2 * energy_half + 1;
    const auto square = [&](std::int64_t i) {
      const double x = band_[static_cast<std::size_t>(i)];
      return x * x;
    };
    const std::int64_t n = std::ssize(band_);
    energy_.resize(band_.size());
    double sum = 0;
    for (std::int64_t i = -energy_half; i < n; ++i) {
      if (i + energy_half < n) sum += square(i + energy_half);
      if (i > energy_half) sum -= square(i - energy_half - 1);
      if (i >= 0) energy_[static_cast<std::size_t>(i)] = std::sqrt(std::max(sum, 0.0) / width);
    }
  }

  // The first of the largest in `reach`; `i` where none is larger than there.
  std::int64_t largest_of(const std::vector<double>& values, Reach reach, std::int64_t i) const {
    const auto largest = std::max_element(values.begin() + (reach.begin - begin_),
                                          values.begin() + (reach.end - begin_));
    const bool is_larger = *largest > values[static_cast<std::size_t>(i - begin_)];
    return is_larger ? begin_ + (largest - values.begin()) : i;
  }

  std::int64_t begin_;
  std::vector<double> band_, shape_, energy_;
};

Features features_of(std::span<const float> signal) {
  const std::int64_t size = std::ssize(signal);
  Features features;
  for (std::int64_t begin = 0; begin < size; begin += block) {
    const std::int64_t end = std::min(size, begin + block);
    const Stretch stretch(signal, std::max<std::int64_t>(0, begin - margin),
                          std::min(size, end + margin));
    for (std::int64_t i = begin; i < end; ++i) {
      if (stretch.is_candidate(i)) features.candidates.push_back(stretch.candidate(i));
    }
    for (std::int64_t i = begin; i < end; i += second) {
      const std::int64_t middle = i + second / 2;
      features.largest.push_back(stretch.largest(middle - largest_half, middle + largest_half));
      features.typical.push_back(stretch.typical(i, i + second));
    }
  }
  return features;
}

// At every second the median over `context` on either side.
std::vector<double> median_around(const std::vector<double>& values) {
  const std::int64_t size = std::ssize(values);
  std::vector<double> medians(values.size());
  for (std::int64_t i = 0; i < size; ++i) {
    const auto from = values.begin() + std::max<std::int64_t>(0, i - context);
    const auto to = values.begin() + std::min(size, i + context + 1);
    medians[static_cast<std::size_t>(i)] = median_of(std::vector<double>(from, to));
  }
  return medians;
}

std::vector<double> thresholds_of(const Features& features) {
  std::vector<double> thresholds = median_around(features.largest);
  const std::vector<double> noise = median_around(features.typical);
  const double least = least_share * median_of(thresholds);
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    const double level = std::max(thresholds[i], least);
    thresholds[i] = std::max(
        {of_level * level, std::min(of_noise * noise[i], most_of_level * level), least_energy});
  }
  return thresholds;
}

// Goes through the candidates once, in time order.
class Selection {
 public:
  explicit Selection(const Features& features)
      : candidates_(features.candidates), thresholds_(thresholds_of(features)) {}

  std::vector<std::int64_t> positions() {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (!stands_out(i)) continue;
      if (!chosen_.empty()) search_back(i);
      accept(i);
    }
    std::vector<std::int64_t> positions;
    positions.reserve(chosen_.size());
    for (const std::size_t i : chosen_) positions.push_back(candidates_[i].place);
    std::ranges::sort(positions);
    positions.erase(std::ranges::unique(positions).begin(), positions.end());
    return positions;
  }

 private:
  double threshold(std::size_t i) const {
    return thresholds_[static_cast<std::size_t>(candidates_[i].sample / second)];
  }
  std::int64_t distance(std::size_t from, std::size_t to) const {
    return candidates_[to].sample - candidates_[from].sample;
  }

  bool stands_out(std::size_t i) const {
    if (candidates_[i].energy <= threshold(i)) return false;
    if (chosen_.empty()) return true;
    const std::int64_t since = distance(chosen_.back(), i);
    if (since < refractory) return false;
    return since >= t_wave ||
           candidates_[i].slope >= t_wave_slope * candidates_[chosen_.back()].slope;
  }

  // Looks for beats between the last one and beat i, from the left until the gap is no long one.
  void search_back(std::size_t i) {
    if (rr_.empty()) return;
    const double rr = median_of(rr_);
    while (static_cast<double>(distance(chosen_.back(), i)) > long_gap * rr) {
      const std::size_t found = best_between(chosen_.back(), i, rr);
      if (found == i) return;
      chosen_.push_back(found);
    }
  }

  // The largest candidate between two beats that is far enough from both; `right` if there is none.
  std::size_t best_between(std::size_t left, std::size_t right, double rr) const {
    const double after = std::max(0.9 * t_wave, 0.4 * rr),
                 before = std::max(0.8 * t_wave, 0.3 * rr);
    std::size_t best = right;
    for (std::size_t j = left + 1; j < right; ++j) {
      if (static_cast<double>(distance(left, j)) < after) continue;
      if (static_cast<double>(distance(j, right)) < before) break;
      if (candidates_[j].energy <= search_threshold * threshold(j)) continue;
      if (best == right || candidates_[j].energy > candidates_[best].energy) best = j;
    }
    return best;
  }

  void accept(std::size_t i) {
    if (last_ && distance(*last_, i) < longest_rr) {
      rr_.push_back(static_cast<double>(distance(*last_, i)));
      if (rr_.size() > rr_count) rr_.erase(rr_.begin());
    }
    chosen_.push_back(i);
    last_ = i;
  }

  const std::vector<Candidate>& candidates_;
  std::vector<double> thresholds_;  // of every second
  std::vector<std::size_t> chosen_;
  std::vector<double> rr_;           // the last ones, of beats above the threshold
  std::optional<std::size_t> last_;  // of those
};

// What is mark i's: up to the middle between it and its neighbours.
Reach reach_of(std::span<const std::int64_t> marks, std::size_t i, Reach all) {
  Reach reach = all;
  if (i > 0) reach.begin = std::max(reach.begin, (marks[i - 1] + marks[i] + 1) / 2);
  if (i + 1 < marks.size()) reach.end = std::min(reach.end, (marks[i] + marks[i + 1]) / 2 + 1);
  return reach;
}

}  // namespace

std::vector<std::int64_t> detect_beats(std::span<const float> signal) {
  const Features features = features_of(signal);
  return Selection(features).positions();
}

std::vector<std::int64_t> place_beats(std::span<const float> signal,
                                      std::span<const std::int64_t> marks) {
  const std::int64_t size = std::ssize(signal);
  std::vector<std::int64_t> places;
  places.reserve(marks.size());
  for (std::int64_t begin = 0; begin < size && places.size() < marks.size(); begin += block) {
    if (marks[places.size()] >= begin + block) continue;
    const Reach all{std::max<std::int64_t>(0, begin - margin),
                    std::min(size, begin + block + margin)};
    const Stretch stretch(signal, all.begin, all.end);
    for (std::size_t i = places.size(); i < marks.size() && marks[i] < begin + block; ++i) {
      places.push_back(stretch.place_of_mark(marks[i], reach_of(marks, i, all)));
    }
  }
  return places;
}

}  // namespace ekgine
