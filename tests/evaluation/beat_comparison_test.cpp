#include "evaluation/beat_comparison.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <random>
#include <string>

namespace ekgine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Marks = std::vector<TimedMark>;

constexpr ComparisonOptions from_zero = {0, {}, 0.15};

// `count` marks, `step` apart, the first at `first`.
Marks every(std::int64_t first, std::int64_t step, int count, Mark mark = Mark::normal) {
  Marks marks;
  for (int i = 0; i < count; ++i) marks.push_back({first + step * i, mark});
  return marks;
}

Marks shifted(Marks marks, std::int64_t by) {
  for (TimedMark& mark : marks) mark.sample += by;
  return marks;
}

Marks operator+(Marks a, const Marks& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::ranges::stable_sort(a, {}, &TimedMark::sample);
  return a;
}

// The counts that are not 0: "Nn 3, No 1".
std::string counted(const Comparison& comparison) {
  std::string text;
  for (std::size_t row = 0; row < beat_labels.size(); ++row) {
    for (std::size_t column = 0; column < beat_labels.size(); ++column) {
      const std::int64_t count = comparison.matrix.counts[row][column];
      if (count == 0) continue;
      text += fmt::format("{}{}{} {}", text.empty() ? "" : ", ", beat_labels[row],
                          static_cast<char>(std::tolower(beat_labels[column])), count);
    }
  }
  return text;
}

std::string counted(const Marks& reference, const Marks& test, double frequency = 360,
                    const ComparisonOptions& options = from_zero) {
  return counted(compare_beats(reference, test, frequency, 1'000'000, options));
}

TEST(BeatComparison, SecondsBecomeTheNearestSample) {
  EXPECT_EQ(samples_of(0.15, 360), 54);
  EXPECT_EQ(samples_of(0.15, 257), 39);  // 38.55
  EXPECT_EQ(samples_of(0.15, 250), 38);  // 37.5: the later one
  EXPECT_EQ(samples_of(0, 250), 0);
  EXPECT_EQ(samples_of(1e9, 1e300), 1'000'000'000'000'000) << "no overflow";
}

// The window is 150 ms, to the nearest sample: 54 of them at 360 Hz.
TEST(BeatComparison, BeatsWithinTheWindowAreOne) {
  const struct {
    double frequency;
    std::int64_t window;
  } cases[] = {{360, 54}, {250, 38}, {200, 30}, {257, 39}, {128, 19}, {1000, 150}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.frequency);
    const std::int64_t step = 10 * c.window;
    const Marks reference = every(step, step, 20);
    for (const std::int64_t sign : {-1, 1}) {
      for (const std::int64_t by : {c.window - 1, c.window}) {
        EXPECT_EQ(counted(reference, shifted(reference, sign * by), c.frequency), "Nn 20")
            << sign * by;
      }
      EXPECT_EQ(counted(reference, shifted(reference, sign * (c.window + 1)), c.frequency),
                "No 20, On 20")
          << sign;
    }
  }
}

TEST(BeatComparison, TheWindowIsAnOption) {
  const Marks reference = every(1000, 500, 5);
  EXPECT_EQ(counted(reference, shifted(reference, 18), 360, {0, {}, 0.05}), "Nn 5");
  EXPECT_EQ(counted(reference, shifted(reference, 19), 360, {0, {}, 0.05}), "No 5, On 5");
  EXPECT_EQ(counted(reference, reference, 360, {0, {}, 0}), "Nn 5");
  EXPECT_EQ(counted(reference, shifted(reference, 1), 360, {0, {}, 0}), "No 5, On 5");
}

// Of two beats within the window the nearer one is the beat.
TEST(BeatComparison, TheNearerBeatIsTheSame) {
  const Marks reference = {{1000, Mark::ventricular}, {2000, Mark::normal}};
  EXPECT_EQ(counted(reference,
                    Marks{{970, Mark::normal}, {1010, Mark::ventricular}, {2000, Mark::normal}}),
            "Nn 1, Vv 1, On 1");
  EXPECT_EQ(counted(reference,
                    Marks{{990, Mark::ventricular}, {1030, Mark::normal}, {2000, Mark::normal}}),
            "Nn 1, Vv 1, On 1");
  // As near on both sides: the second.
  EXPECT_EQ(counted(reference,
                    Marks{{980, Mark::normal}, {1020, Mark::ventricular}, {2000, Mark::normal}}),
            "Nn 1, Vv 1, On 1");
  // Unless that is nearer to the next beat of the reference: pairs keep their order.
  const Marks close = {{1000, Mark::ventricular}, {1040, Mark::normal}};
  EXPECT_EQ(counted(close, Marks{{970, Mark::ventricular}, {1021, Mark::normal}}), "Nn 1, Vv 1");
}

TEST(BeatComparison, TwoBeatsAtOneSampleAreTwo) {
  const Marks one = {{500, Mark::normal}, {1000, Mark::ventricular}, {1500, Mark::normal}};
  const Marks two = one + Marks{{1000, Mark::ventricular}};
  EXPECT_EQ(counted(one, two), "Nn 2, Vv 1, Ov 1");
  EXPECT_EQ(counted(two, one), "Nn 2, Vv 1, Vo 1");
  // As bxb has it: of two at one sample neither is nearer, so the first of each side stays alone.
  EXPECT_EQ(counted(two, two), "Nn 2, Vv 1, Vo 1, Ov 1");
}

TEST(BeatComparison, EveryPairOfClassesHasItsPlace) {
  Marks reference, test;
  for (int r = 0; r < 5; ++r) {
    for (int t = 0; t < 5; ++t) {
      const std::int64_t sample = 1000 * (1 + 5 * r + t);
      reference.push_back({sample, static_cast<Mark>(r)});
      for (int i = 0; i <= 5 * r + t; ++i) test.push_back({sample, static_cast<Mark>(t)});
    }
  }
  const BeatMatrix m = compare_beats(reference, test, 360, {}, from_zero).matrix;
  for (std::size_t r = 0; r < 5; ++r) {
    for (std::size_t t = 0; t < 5; ++t) EXPECT_EQ(m.counts[r][t], 1) << r << t;
  }
  EXPECT_EQ(m.sum("O", "NSVFQ"), 300 - 24) << "without an end, nothing after the last beat counts";
}

TEST(BeatComparison, ScoresFromTheStart) {
  const ComparisonOptions late = {10, {}, 0.15};  // sample 3600
  EXPECT_EQ(counted(every(3600, 500, 3), every(3600, 500, 3), 360, late), "Nn 3");
  EXPECT_EQ(counted(every(3599, 500, 3), every(3599, 500, 3), 360, late), "Nn 2");
  // A beat at the start and one right before it are one, whoever has the earlier one.
  EXPECT_EQ(counted(every(3600, 500, 3), every(3590, 500, 3), 360, late), "Nn 3");
  EXPECT_EQ(counted(every(3590, 500, 3), every(3600, 500, 3), 360, late), "Nn 2");
  // As far as the window, 54 samples, its end in.
  EXPECT_EQ(counted(every(3600, 500, 3), every(3546, 500, 3), 360, late), "Nn 3");
  EXPECT_EQ(counted(every(3600, 500, 3), every(3545, 500, 3), 360, late), "No 3, On 2");
  const Marks before = every(3590, 500, 3), rest = every(4090, 500, 2);
  EXPECT_EQ(counted(before, every(3654, 1, 1) + rest, 360, late), "Nn 2") << "passed over";
  EXPECT_EQ(counted(before, every(3655, 1, 1) + rest, 360, late), "Nn 2, On 1");
  const Marks early = every(3550, 200, 10), after = every(3605, 200, 10);
  EXPECT_EQ(counted(early, after, 360, late), "No 9, On 9");
  EXPECT_EQ(counted(every(100, 300, 5), every(100, 300, 5), 360, late), "") << "all before";
}

TEST(BeatComparison, ScoresUpToTheEnd) {
  const Marks marks = every(1000, 1000, 9);
  const auto scored = [&](std::optional<std::int64_t> samples, std::optional<double> end) {
    return counted(compare_beats(marks, marks, 100, samples, {0, end, 0.15}));
  };
  EXPECT_EQ(scored(5000, {}), "Nn 5") << "a beat at the end counts";
  EXPECT_EQ(scored(4999, {}), "Nn 4");
  EXPECT_EQ(scored({}, {}), "Nn 9") << "no length is known";
  EXPECT_EQ(scored({}, 50), "Nn 5");
  EXPECT_EQ(scored(5000, 30), "Nn 3");
  EXPECT_EQ(scored(5000, 80), "Nn 5") << "not past the record";
}

TEST(BeatComparison, WithoutALengthTheReferenceEndsIt) {
  const Marks reference = every(1000, 1000, 3), test = every(1000, 1000, 6);
  EXPECT_EQ(counted(compare_beats(reference, test, 100, {}, from_zero)), "Nn 3");
  EXPECT_EQ(counted(compare_beats(reference, test, 100, 100'000, from_zero)), "Nn 3, On 3");
}

TEST(BeatComparison, AnnotatorsWithoutBeats) {
  const Marks beats = every(1000, 500, 4);
  const Marks others = every(900, 400, 6, Mark::other) + every(950, 400, 6, Mark::noise);
  for (const Marks& none : {Marks(), others, Marks{{700, Mark::flutter_off}}}) {
    EXPECT_EQ(counted(beats, none), "No 4");
    EXPECT_EQ(counted(none, beats), "On 4");
    EXPECT_EQ(counted(none, none), "");
    EXPECT_FALSE(compare_beats(beats, none, 360, 10'000, from_zero).rr_error);
  }
}

// Flutter waves are beats that are none: O.
TEST(BeatComparison, FlutterWavesAreNoBeats) {
  const Marks wave = {{1000, Mark::flutter_wave}}, beat = {{1000, Mark::normal}};
  EXPECT_EQ(counted(wave, beat), "On 1");
  EXPECT_EQ(counted(beat, wave), "No 1");
  EXPECT_EQ(counted(wave, wave), "");
  EXPECT_EQ(counted(wave, Marks()), "");
}

TEST(BeatComparison, WithinVfOfTheReferenceNothingIsCounted) {
  const Marks reference =
      every(1000, 1000, 2) +
      Marks{{3000, Mark::flutter_on}, {3500, Mark::ventricular}, {5000, Mark::flutter_off}} +
      every(6000, 1000, 2);
  for (const std::int64_t inside : {3000, 4000, 5000}) {
    EXPECT_EQ(counted(reference,
                      every(1000, 1000, 2) + Marks{{inside, Mark::normal}} + every(6000, 1000, 2)),
              "Nn 4")
        << inside;
  }
  for (const std::int64_t outside : {2999, 5001}) {
    EXPECT_EQ(counted(reference,
                      every(1000, 1000, 2) + Marks{{outside, Mark::normal}} + every(6000, 1000, 2)),
              "Nn 4, On 1")
        << outside;
  }
  // The test annotator's own VF hides its beats, and excuses nothing.
  EXPECT_EQ(counted(every(1000, 1000, 7), reference), "Nn 4, No 3");
}

TEST(BeatComparison, VfThatNeverEnds) {
  const Marks reference = every(1000, 1000, 3) + Marks{{3500, Mark::flutter_on}};
  EXPECT_EQ(counted(reference, every(1000, 1000, 8)), "Nn 3");
  EXPECT_EQ(counted(every(1000, 1000, 8), reference), "Nn 3, No 5");
}

TEST(BeatComparison, BeatsMissedInAShutdown) {
  const Marks beats = every(1000, 1000, 9);
  const Marks shut = every(1000, 1000, 3) + Marks{{4000, Mark::unreadable}, {6000, Mark::noise}} +
                     every(7000, 1000, 3);
  EXPECT_EQ(counted(beats, shut), "Nn 6, Nx 3") << "both ends are in it";
  EXPECT_EQ(counted(shut, beats), "Nn 6, Xn 3");
  const Marks shorter = every(1000, 1000, 3) +
                        Marks{{4001, Mark::unreadable}, {5999, Mark::noise}} + every(7000, 1000, 3);
  EXPECT_EQ(counted(beats, shorter), "Nn 6, No 2, Nx 1");
  // Both see nothing: nothing is counted.
  EXPECT_EQ(counted(shut, shut), "Nn 6");
}

TEST(BeatComparison, ShutdownTimeIsOfTheTestAnnotator) {
  const auto seconds = [](const Marks& test, std::optional<std::int64_t> samples) {
    const Marks beats = every(1000, 1000, 9);
    EXPECT_EQ(compare_beats(test, beats, 100, samples, from_zero).shutdown_seconds, 0);
    return compare_beats(beats, test, 100, samples, from_zero).shutdown_seconds;
  };
  const auto closed = [](std::int64_t on, std::int64_t off) {
    return Marks{
        {500, Mark::normal}, {on, Mark::unreadable}, {off, Mark::noise}, {9500, Mark::normal}};
  };
  EXPECT_EQ(seconds(closed(1000, 1749), 10'000), 7);
  EXPECT_EQ(seconds(closed(1000, 1750), 10'000), 8) << "rounded";
  // One that never ends goes to the end of the record, if that is known.
  const Marks open = {{500, Mark::normal}, {4000, Mark::unreadable}};
  EXPECT_EQ(seconds(open, 10'000), 60);
  EXPECT_EQ(seconds(open, {}), 0);
  EXPECT_EQ(seconds(open, 3000), 0) << "it begins after the end";
}

// A mark without an end is of all that lies between its neighbours, less the window on both sides.
TEST(BeatComparison, ASingleMarkOfAShutdown) {
  const Marks beats = every(1000, 1000, 9);
  const Marks test = every(1000, 1000, 3) + Marks{{5000, Mark::unreadable}} + every(8000, 1000, 2);
  EXPECT_EQ(counted(beats, test), "Nn 5, Nx 4");
  // From 3000 + 54 to 8000 − 54: 13.58 s.
  EXPECT_EQ(compare_beats(beats, test, 360, 10'000, from_zero).shutdown_seconds, 14);
  // After VF it begins where that ends.
  const Marks after_vf = test + Marks{{3500, Mark::flutter_on}, {4500, Mark::flutter_off}};
  EXPECT_EQ(counted(beats, after_vf), "Nn 5, No 1, Nx 3");
  // Where there is no room it is empty, and begins where it ends.
  const Marks tight = {{1000, Mark::normal}, {1010, Mark::unreadable}, {1020, Mark::normal}};
  EXPECT_EQ(compare_beats(beats, tight, 360, 10'000, from_zero).shutdown_seconds, 0);
  // Its neighbour may be no beat, or the next shutdown.
  const Marks twice =
      every(1000, 1000, 3) +
      Marks{{4500, Mark::unreadable}, {6000, Mark::unreadable}, {7500, Mark::noise}} +
      every(8000, 1000, 2);
  EXPECT_EQ(counted(beats, twice), "Nn 5, Nx 4");
}

TEST(BeatComparison, RrErrorIsOfIntervalsThatBothHave) {
  const Marks reference = every(1000, 1000, 5);
  Marks test = reference;
  test[2].sample += 10;  // intervals of 1010 and 990
  EXPECT_DOUBLE_EQ(compare_beats(reference, reference, 1000, 10'000, from_zero).rr_error.value(),
                   0);
  // Four intervals: 0, 10, −10, 0.
  EXPECT_NEAR(compare_beats(reference, test, 1000, 10'000, from_zero).rr_error.value(),
              std::sqrt(200.0 / 4), 1e-12);
  // In ms of whole samples a second, as bxb has it.
  EXPECT_NEAR(compare_beats(reference, test, 250.4, 10'000, from_zero).rr_error.value(),
              std::sqrt(200.0 / 4) * 1000 / 250, 1e-12);
  // An interval with a shutdown or VF in it is none.
  const Marks shut = test + Marks{{3500, Mark::unreadable}, {3600, Mark::noise}};
  EXPECT_NEAR(compare_beats(reference, shut, 1000, 10'000, from_zero).rr_error.value(),
              std::sqrt(100.0 / 3), 1e-12);
  const Marks vf = reference + Marks{{2500, Mark::flutter_on}, {2600, Mark::flutter_off}};
  EXPECT_NEAR(compare_beats(vf, test, 1000, 10'000, from_zero).rr_error.value(),
              std::sqrt(100.0 / 3), 1e-12);
}

TEST(BeatComparison, DisagreementsAreToldInOrder) {
  const Marks reference = {{1000, Mark::normal},      {2000, Mark::ventricular},
                           {3000, Mark::normal},      {4000, Mark::flutter_on},
                           {5000, Mark::flutter_off}, {6000, Mark::normal}};
  const Marks test = {{1000, Mark::normal},
                      {2010, Mark::normal},
                      {3500, Mark::fusion},
                      {4500, Mark::normal},
                      {6000, Mark::normal}};
  EXPECT_THAT(compare_beats(reference, test, 360, 10'000, from_zero).disagreements,
              ElementsAre(Disagreement{'V', 'N', 2000, 2010}, Disagreement{'N', 'O', 3000, 3000},
                          Disagreement{'O', 'F', 3500, 3500}, Disagreement{'*', 'N', 6000, 4500}));
  EXPECT_THAT(compare_beats(reference, reference, 360, 10'000, from_zero).disagreements, IsEmpty());
}

Marks random_marks(std::mt19937& random) {
  Marks marks;
  std::int64_t sample = 0;
  const int count = static_cast<int>(random() % 120);
  for (int i = 0; i < count; ++i) {
    sample += 1 + static_cast<std::int64_t>(random() % 120);
    // Mostly beats.
    const auto mark = random() % 3 > 0 ? random() % 5 : random() % 11;
    marks.push_back({sample, static_cast<Mark>(mark)});
  }
  return marks;
}

// Whatever the marks: an end, and counts of what is there.
TEST(BeatComparison, HoldsForAnyMarks) {
  std::mt19937 random(7);
  for (int i = 0; i < 1000; ++i) {
    SCOPED_TRACE(i);
    const Marks reference = random_marks(random), test = random_marks(random);
    const ComparisonOptions options = {static_cast<double>(random() % 8), {}, 0.15};
    const std::optional<std::int64_t> samples =
        random() % 2 == 0 ? std::optional<std::int64_t>(random() % 8000) : std::nullopt;
    const Comparison comparison = compare_beats(reference, test, 360, samples, options);
    const auto beats = [](const Marks& marks) {
      return std::ranges::count_if(marks, [](auto m) { return m.mark <= Mark::unclassified; });
    };
    EXPECT_LE(comparison.matrix.sum(beat_classes, beat_labels), beats(reference));
    EXPECT_LE(comparison.matrix.sum(beat_labels, beat_classes), beats(test));
    EXPECT_EQ(comparison.matrix.sum("OX", "OX"), 0);
    EXPECT_GE(comparison.shutdown_seconds, 0);
    // Against itself an annotator is right but where it has flutter waves.
    const BeatMatrix own = compare_beats(reference, reference, 360, samples, options).matrix;
    for (const char label : beat_classes) {
      const std::string_view one(&label, 1);
      EXPECT_EQ(own.sum(one, one), own.sum(one, beat_labels)) << label;
    }
  }
}

}  // namespace
}  // namespace ekgine
