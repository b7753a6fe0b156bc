#include "evaluation/beat_comparison.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

namespace ekgine {

namespace {

bool has_label(std::string_view labels, char label) {
  return labels.find(label) != std::string_view::npos;
}

// Later than any sample. None is negative, so no difference of two overflows.
constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

constexpr char no_label = '*';  // in no row and column of the matrix

bool is_seen(char label) {
  return label != 'O' && label != 'X';
}

struct TimedBeat {
  std::int64_t sample = 0;
  char label = no_label;
};

// A stretch of time, both ends in it; before there was any, one that holds nothing.
struct Episode {
  std::int64_t on = -1, off = -2;

  bool holds(std::int64_t sample) const { return on <= sample && sample <= off; }
};

// The last two of a kind: the reading is one beat ahead of what is compared, and a beat may be
// compared with one of the other annotator that lies before.
struct LastEpisodes {
  Episode last, before;

  void add(Episode episode) {
    before = last;
    last = episode;
  }
  bool hold(std::int64_t sample) const { return last.holds(sample) || before.holds(sample); }
  bool begin_in(std::int64_t from, std::int64_t to) const {
    return (from <= last.on && last.on < to) || (from <= before.on && before.on < to);
  }
};

// Walks the beats of one annotator.
class BeatWalk {
 public:
  // `end`: of the record, where it is known.
  BeatWalk(std::span<const TimedMark> marks, std::int64_t window, std::optional<std::int64_t> end)
      : marks_(marks), window_(window), end_(end) {}

  // Goes on to the next beat. Before the first call both beats are at sample 0, without a label;
  // after the last beat they are at `never`.
  void next() {
    const std::int64_t before = beat_.sample;
    beat_ = next_beat_;
    const bool interval = before != 0 && beat_.sample != never &&
                          !shutdowns_.begin_in(before, beat_.sample) &&
                          !flutter_.begin_in(before, beat_.sample);
    rr_ = interval ? beat_.sample - before : 0;
    read_beat();
  }

  const TimedBeat& beat() const { return beat_; }
  const TimedBeat& next_beat() const { return next_beat_; }
  std::int64_t rr() const { return rr_; }  // before beat(); 0 where something interrupts it
  std::int64_t shutdown_samples() const { return shutdown_samples_; }
  bool in_flutter(std::int64_t sample) const { return flutter_.hold(sample); }
  bool in_shutdown(std::int64_t sample) const { return shutdowns_.hold(sample); }

 private:
  void read_beat();
  void read_shutdown(std::int64_t on);
  void read_flutter(std::int64_t on);

  std::span<const TimedMark> marks_;
  std::size_t at_ = 0;
  std::int64_t window_;
  std::optional<std::int64_t> end_;
  TimedBeat beat_, next_beat_;
  std::int64_t rr_ = 0, shutdown_samples_ = 0;
  LastEpisodes shutdowns_, flutter_;
};

void BeatWalk::read_beat() {
  next_beat_ = {never, no_label};
  while (at_ < marks_.size()) {
    const auto [sample, mark] = marks_[at_++];
    if (mark <= Mark::unclassified) {
      next_beat_ = {sample, beat_labels[static_cast<std::size_t>(mark)]};
      return;
    }
    if (mark == Mark::flutter_wave) {
      next_beat_ = {sample, 'O'};
      return;
    }
    if (mark == Mark::unreadable) read_shutdown(sample);
    if (mark == Mark::flutter_on) read_flutter(sample);
  }
}

void BeatWalk::read_shutdown(std::int64_t on) {
  if (at_ == marks_.size()) {  // it never ends
    shutdowns_.add({on, never});
    if (end_) shutdown_samples_ += std::max(*end_ - on, std::int64_t{0});
    return;
  }
  const TimedMark& after = marks_[at_];
  Episode shutdown{on, after.sample};
  if (after.mark == Mark::noise) {
    ++at_;
  } else {  // a single mark: it stands for all between the marks around it
    shutdown.off = after.sample - window_;
    shutdown.on = std::min(std::max(flutter_.last.off, beat_.sample) + window_, shutdown.off);
  }
  shutdowns_.add(shutdown);
  shutdown_samples_ += shutdown.off - shutdown.on;
}

void BeatWalk::read_flutter(std::int64_t on) {
  while (at_ < marks_.size() && marks_[at_].mark != Mark::flutter_off) ++at_;
  if (at_ == marks_.size()) {
    flutter_.add({on, never});
  } else {
    flutter_.add({on, marks_[at_++].sample});
  }
}

// One comparison: the two walks, and what is counted on the way.
class Comparing {
 public:
  Comparing(std::span<const TimedMark> reference, std::span<const TimedMark> test, double frequency,
            std::optional<std::int64_t> end, const ComparisonOptions& options)
      : frequency_(frequency),
        window_(samples_of(options.window, frequency)),
        start_(samples_of(options.start, frequency)),
        end_(end),
        reference_(reference, window_, end),
        test_(test, window_, end) {}

  Comparison run() {
    begin();
    while (goes_on()) step();
    finish();
    return std::move(comparison_);
  }

 private:
  void begin();
  bool goes_on() const;
  void step();
  void finish();
  // The beats that both walks stand at are one.
  void match();
  void count_reference_alone();
  void count_test_alone();
  // A pair of labels, at these samples.
  void count(TimedBeat reference, TimedBeat test);

  double frequency_;
  std::int64_t window_, start_;
  std::optional<std::int64_t> end_;
  BeatWalk reference_, test_;
  double rr_squares_ = 0;
  std::int64_t rr_intervals_ = 0;
  Comparison comparison_;
};

void Comparing::begin() {
  do {
    reference_.next();
  } while (reference_.beat().sample < start_);
  while (test_.next_beat().sample < start_) test_.next();
  const std::int64_t r = reference_.beat().sample;
  const std::int64_t t = test_.beat().sample, t_next = test_.next_beat().sample;
  // The last beat of the test annotator before the start may be the reference's first after it.
  if (r - t < std::abs(r - t_next) && r - t <= window_) {
    match();
  } else {
    test_.next();
    // And its first one after the start may be the reference's last before it.
    const std::int64_t first = test_.beat().sample, second = test_.next_beat().sample;
    if (first - start_ <= window_ && std::abs(r - second) < std::abs(r - first)) test_.next();
  }
}

bool Comparing::goes_on() const {
  if (!end_) return reference_.beat().sample != never;
  return reference_.beat().sample <= *end_ || test_.beat().sample <= *end_;
}

void Comparing::step() {
  const std::int64_t r = reference_.beat().sample, r_next = reference_.next_beat().sample;
  const std::int64_t t = test_.beat().sample, t_next = test_.next_beat().sample;
  if (t < r) {
    const std::int64_t apart = r - t;
    // Unless the next test beat is nearer, and not itself nearer to the next of the reference.
    const bool nearest =
        apart < std::abs(r - t_next) || std::abs(r_next - t_next) < std::abs(r - t_next);
    if (apart <= window_ && nearest) {
      match();
    } else {
      count_test_alone();
    }
  } else {
    const std::int64_t apart = t - r;
    const bool nearest =
        apart < std::abs(t - r_next) || std::abs(t_next - r_next) < std::abs(t - r_next);
    if (apart <= window_ && nearest) {
      match();
    } else {
      count_reference_alone();
    }
  }
}

void Comparing::match() {
  count(reference_.beat(), test_.beat());
  reference_.next();
  test_.next();
}

void Comparing::count_test_alone() {
  const std::int64_t sample = test_.beat().sample;
  const char label = reference_.in_flutter(sample)    ? no_label
                     : reference_.in_shutdown(sample) ? 'X'
                                                      : 'O';
  // Of what is nothing, within VF, bxb tells the sample of the next beat.
  count({label == no_label ? reference_.beat().sample : sample, label}, test_.beat());
  test_.next();
}

void Comparing::count_reference_alone() {
  const std::int64_t sample = reference_.beat().sample;
  count(reference_.beat(), {sample, test_.in_shutdown(sample) ? 'X' : 'O'});
  reference_.next();
}

void Comparing::count(TimedBeat reference, TimedBeat test) {
  const std::size_t row = beat_labels.find(reference.label);
  const std::size_t column = beat_labels.find(test.label);
  constexpr std::size_t classes = beat_classes.size();
  if (row < beat_labels.size() && column < beat_labels.size() &&
      (row < classes || column < classes)) {
    ++comparison_.matrix.counts[row][column];
  }
  if (reference.label != test.label) {
    if (!is_seen(reference.label)) reference.sample = test.sample;
    if (!is_seen(test.label)) test.sample = reference.sample;
    comparison_.disagreements.push_back(
        {reference.label, test.label, reference.sample, test.sample});
  }
  // As bxb has it: also where only one of them has a beat, with the other's last interval.
  if (reference_.rr() > 0 && test_.rr() > 0) {
    const auto error = static_cast<double>(reference_.rr() - test_.rr());
    rr_squares_ += error * error;
    ++rr_intervals_;
  }
}

void Comparing::finish() {
  const std::int64_t second = std::max(samples_of(1, frequency_), std::int64_t{1});
  if (rr_intervals_ > 0) {
    comparison_.rr_error = std::sqrt(rr_squares_ / static_cast<double>(rr_intervals_)) * 1000 /
                           static_cast<double>(second);
  }
  comparison_.shutdown_seconds = (test_.shutdown_samples() + samples_of(0.5, frequency_)) / second;
}

}  // namespace

std::int64_t BeatMatrix::sum(std::string_view reference, std::string_view test) const {
  std::int64_t sum = 0;
  for (std::size_t row = 0; row < beat_labels.size(); ++row) {
    if (!has_label(reference, beat_labels[row])) continue;
    for (std::size_t column = 0; column < beat_labels.size(); ++column) {
      if (has_label(test, beat_labels[column])) sum += counts[row][column];
    }
  }
  return sum;
}

std::int64_t samples_of(double seconds, double frequency) {
  constexpr double last = 1e15;  // far beyond any recording, and exact
  return static_cast<std::int64_t>(std::min(seconds * frequency + 0.5, last));
}

Comparison compare_beats(std::span<const TimedMark> reference, std::span<const TimedMark> test,
                         double frequency, std::optional<std::int64_t> samples,
                         const ComparisonOptions& options) {
  std::optional<std::int64_t> end = samples;
  if (options.end) {
    const std::int64_t chosen = samples_of(*options.end, frequency);
    end = end ? std::min(*end, chosen) : chosen;
  }
  return Comparing(reference, test, frequency, end, options).run();
}

}  // namespace ekgine
