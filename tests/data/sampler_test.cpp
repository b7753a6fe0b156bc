#include "data/sampler.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "tests/cases/random.h"
#include "tests/support/expect_error.h"

namespace ekgine {
namespace {

using ::testing::ElementsAre;

constexpr Shuffle all_ways[] = {Shuffle::none, Shuffle::full, Shuffle::stretches, Shuffle::stream};

SequenceIndex make_index(const std::vector<std::int64_t>& beats, std::int64_t length = 3) {
  std::vector<std::string> names;
  for (std::size_t r = 0; r < beats.size(); ++r) names.push_back(fmt::format("r{}", r));
  return SequenceIndex(names, beats, length);
}

std::vector<std::vector<std::int64_t>> batches_of(Sampler& sampler, std::int64_t epoch,
                                                  std::int64_t first_batch = 0) {
  std::vector<std::vector<std::int64_t>> batches;
  sampler.start(epoch, first_batch);
  for (std::vector<std::int64_t> batch; sampler.next(batch);) batches.push_back(batch);
  return batches;
}

std::vector<std::int64_t> order_of(Sampler& sampler, std::int64_t epoch) {
  std::vector<std::int64_t> order;
  for (const auto& batch : batches_of(sampler, epoch)) {
    order.insert(order.end(), batch.begin(), batch.end());
  }
  return order;
}

TEST(Sampler, VisitsEverySequenceOnce) {
  testing::Random random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::int64_t> beats;
    for (std::int64_t r = random.integer(1, 12); r > 0; --r) {
      beats.push_back(random.integer(3, random.integer(3, 120)));
    }
    const SequenceIndex index = make_index(beats);
    for (const Shuffle shuffle : all_ways) {
      Sampler sampler(index, {.shuffle = shuffle,
                              .batch_size = random.integer(1, 40),
                              .stretch_length = random.integer(1, 20),
                              .stream_records = random.integer(1, 5),
                              .seed = random.word()});
      const auto batches = batches_of(sampler, random.integer(0, 5));
      ASSERT_EQ(std::ssize(batches), sampler.batches());
      std::vector<std::int64_t> order;
      for (std::size_t b = 0; b < batches.size(); ++b) {
        const std::int64_t size = std::ssize(batches[b]);
        if (b + 1 < batches.size()) {
          ASSERT_EQ(size, sampler.options().batch_size);
        }
        order.insert(order.end(), batches[b].begin(), batches[b].end());
      }
      std::sort(order.begin(), order.end());
      std::vector<std::int64_t> all(static_cast<std::size_t>(index.sequences()));
      std::iota(all.begin(), all.end(), 0);
      ASSERT_EQ(order, all) << choice_name(shuffle);
    }
  }
}

TEST(Sampler, KeepsTheOrderWithoutShuffling) {
  Sampler sampler(make_index({5, 3, 4}), {.shuffle = Shuffle::none, .batch_size = 4});
  EXPECT_THAT(batches_of(sampler, 3), ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(4, 5)));
}

// Literal orders, computed by another program from the definitions (Philox words, Lemire's method,
// Fisher-Yates from the back): what changes them breaks every reproduction of a run.
TEST(Sampler, GivesTheSameOrderEverywhere) {
  const SequenceIndex index = make_index({10, 6, 8, 4});
  const auto first = [&](Shuffle shuffle) {
    Sampler sampler(index, {.shuffle = shuffle,
                            .batch_size = 10,
                            .stretch_length = 4,
                            .stream_records = 2,
                            .seed = 0x123456789ABCDEF0});
    return batches_of(sampler, 7).at(0);
  };
  EXPECT_THAT(first(Shuffle::full), ElementsAre(7, 13, 16, 15, 19, 5, 11, 3, 4, 6));
  EXPECT_THAT(first(Shuffle::stretches), ElementsAre(8, 9, 10, 11, 4, 5, 6, 7, 18, 19));
  EXPECT_THAT(first(Shuffle::stream), ElementsAre(8, 19, 18, 9, 10, 11, 17, 15, 16, 2));
}

TEST(Sampler, DependsOnSeedAndEpochOnly) {
  const SequenceIndex index = make_index({100, 50, 70, 20});
  for (const Shuffle shuffle : {Shuffle::full, Shuffle::stretches, Shuffle::stream}) {
    Sampler sampler(index, {.shuffle = shuffle, .batch_size = 7, .seed = 5});
    const auto epoch3 = order_of(sampler, 3);
    EXPECT_NE(order_of(sampler, 4), epoch3);
    EXPECT_EQ(order_of(sampler, 3), epoch3) << "whatever came before";
    Sampler same(index, {.shuffle = shuffle, .batch_size = 11, .seed = 5});
    EXPECT_EQ(order_of(same, 3), epoch3) << "whatever the batch size";
    Sampler other(index, {.shuffle = shuffle, .batch_size = 7, .seed = 6});
    EXPECT_NE(order_of(other, 3), epoch3);
  }
}

TEST(Sampler, GoesOnFromAnyBatch) {
  const SequenceIndex index = make_index({30, 7, 50, 12, 3, 9});
  for (const Shuffle shuffle : all_ways) {
    Sampler sampler(index, {.shuffle = shuffle, .batch_size = 8, .stream_records = 2, .seed = 1});
    const auto whole = batches_of(sampler, 2);
    for (std::size_t first = 0; first <= whole.size() + 1; ++first) {
      const auto rest = batches_of(sampler, 2, static_cast<std::int64_t>(first));
      const std::size_t skipped = std::min(first, whole.size());
      EXPECT_TRUE(std::equal(rest.begin(), rest.end(),
                             whole.begin() + static_cast<std::ptrdiff_t>(skipped), whole.end()))
          << choice_name(shuffle) << " from batch " << first;
    }
  }
}

// Every order of four sequences is as likely as any other: χ² of 24 orders over 24,000 epochs.
TEST(Sampler, ShufflesUniformly) {
  Sampler sampler(make_index({6}), {.shuffle = Shuffle::full, .batch_size = 4, .seed = 99});
  std::map<std::vector<std::int64_t>, int> seen;
  for (std::int64_t epoch = 0; epoch < 24000; ++epoch) ++seen[order_of(sampler, epoch)];
  ASSERT_EQ(seen.size(), 24u);
  double chi2 = 0;
  for (const auto& [order, count] : seen) chi2 += (count - 1000.0) * (count - 1000.0) / 1000;
  EXPECT_LT(chi2, 49.7);  // 23 degrees of freedom, p = 0.001
}

// As files of before 2026-12 and habits call them.
TEST(Sampler, StretchesWereCalledRuns) {
  EXPECT_EQ(choice_named<Shuffle>("runs"), Shuffle::stretches);
  EXPECT_EQ(choice_name(Shuffle::stretches), "stretches");
  EXPECT_THAT(choice_names<Shuffle>(), ElementsAre("stretches", "full", "stream"));
}

TEST(Sampler, DrawsStretchesOfConsecutiveSequences) {
  const SequenceIndex index = make_index({500, 300, 6, 400, 11});
  Sampler sampler(
      index, {.shuffle = Shuffle::stretches, .batch_size = 32, .stretch_length = 16, .seed = 3});
  std::set<std::int64_t> first_lengths;
  std::map<std::int64_t, int> lengths;
  for (std::int64_t epoch = 0; epoch < 50; ++epoch) {
    const auto order = order_of(sampler, epoch);
    std::map<std::int64_t, std::int64_t> stretches;  // begin -> length
    std::int64_t begin = order[0];
    for (std::size_t i = 1; i <= order.size(); ++i) {
      if (i < order.size() && order[i] == order[i - 1] + 1 &&
          index.record_of_sequence(order[i]) == index.record_of_sequence(begin)) {
        continue;
      }
      stretches[begin] = order[i - 1] + 1 - begin;
      if (i < order.size()) begin = order[i];
    }
    first_lengths.insert(stretches.at(0));
    for (const auto& [at, length] : stretches) {
      const std::int64_t r = index.record_of_sequence(at);
      const std::int64_t n = index.first_sequence(r + 1) - index.first_sequence(r);
      EXPECT_GE(length, std::min<std::int64_t>(8, n));
      ++lengths[length];
    }
  }
  EXPECT_GT(first_lengths.size(), 8u) << "the phase is random";
  EXPECT_EQ(std::max_element(lengths.begin(), lengths.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; })
                ->first,
            16);
}

TEST(Sampler, StreamsFewRecordsAtATime) {
  std::vector<std::int64_t> beats;
  for (std::int64_t r = 0; r < 23; ++r) beats.push_back(20 + 7 * (r % 5));
  const SequenceIndex index = make_index(beats);
  Sampler sampler(index,
                  {.shuffle = Shuffle::stream, .batch_size = 16, .stream_records = 4, .seed = 3});
  sampler.start(0);
  std::set<std::set<std::int64_t>> kept;
  for (std::vector<std::int64_t> batch; sampler.next(batch);) {
    const std::set<std::int64_t> held(sampler.records_held().begin(), sampler.records_held().end());
    EXPECT_LE(held.size(), 8u);
    kept.insert(held);
    for (const std::int64_t s : batch) EXPECT_TRUE(held.contains(index.record_of_sequence(s)));
  }
  EXPECT_GE(kept.size(), 6u);
  // Patients are mixed: the first batch holds sequences of all four records of its section.
  std::vector<std::int64_t> batch;
  sampler.start(0);
  sampler.next(batch);
  std::set<std::int64_t> records;
  for (const std::int64_t s : batch) records.insert(index.record_of_sequence(s));
  EXPECT_EQ(records.size(), 4u);
}

std::int64_t distinct_beats(const SequenceIndex& index, const std::vector<std::int64_t>& batch) {
  std::set<std::int64_t> beats;
  for (const std::int64_t s : batch) {
    for (std::int64_t t = 0; t < index.length(); ++t) beats.insert(index.first_beat_of(s) + t);
  }
  return std::ssize(beats);
}

TEST(Sampler, BoundsTheDistinctBeatsOfABatch) {
  testing::Random random(5);
  for (int round = 0; round < 300; ++round) {
    const std::int64_t length = random.integer(1, 6);
    std::vector<std::int64_t> beats;
    for (std::int64_t r = random.integer(1, 10); r > 0; --r) {
      beats.push_back(random.integer(length, length + random.integer(0, 60)));
    }
    const SequenceIndex index = make_index(beats, length);
    for (const Shuffle shuffle : all_ways) {
      Sampler sampler(index, {.shuffle = shuffle,
                              .batch_size = random.integer(1, 40),
                              .stretch_length = random.integer(1, 20),
                              .stream_records = random.integer(1, 5),
                              .seed = random.word()});
      for (std::int64_t epoch = 0; epoch < 5; ++epoch) {
        for (const auto& batch : batches_of(sampler, epoch)) {
          ASSERT_LE(distinct_beats(index, batch), sampler.max_distinct_beats())
              << choice_name(shuffle) << " B " << sampler.options().batch_size << " L "
              << sampler.options().stretch_length << " T " << length;
        }
      }
    }
  }
  // And the bound is of use: far below B·T = 384 for stretches of 16.
  const SequenceIndex index = make_index(std::vector<std::int64_t>(45, 2000));
  EXPECT_EQ(Sampler(index, {.shuffle = Shuffle::full}).max_distinct_beats(), 384);
  EXPECT_LT(Sampler(index, {.shuffle = Shuffle::stretches}).max_distinct_beats(), 170);
  EXPECT_LT(Sampler(index, {.shuffle = Shuffle::none}).max_distinct_beats(), 135);
}

TEST(Sampler, NamesWhatIsWrong) {
  const SequenceIndex index = make_index({5});
  EXPECT_ERROR(Sampler(index, {.batch_size = 0}), "batch size 0: expected 1 or more");
  EXPECT_ERROR(Sampler(index, {.stretch_length = 0}), "stretch length 0: expected 1 or more");
  EXPECT_ERROR(Sampler(index, {.stream_records = -1}),
               "streaming -1 records at a time: expected 1 or more");
}

// Windows of a record lie one after another, but for the first and the last, and cover it.
TEST(Sampler, CutsRecordsIntoWindows) {
  testing::Random random(3);
  for (int round = 0; round < 300; ++round) {
    const std::int64_t length = random.integer(1, 12);
    std::vector<std::int64_t> beats;
    for (std::int64_t r = random.integer(1, 6); r > 0; --r) {
      beats.push_back(random.integer(length, length + random.integer(0, 60)));
    }
    const SequenceIndex index = make_index(beats, length);
    Sampler sampler(
        index,
        {.shuffle = Shuffle::windows, .batch_size = random.integer(1, 9), .seed = random.word()});
    std::vector<std::int64_t> order = order_of(sampler, random.integer(0, 5));
    ASSERT_EQ(std::ssize(order), sampler.sequences());
    std::sort(order.begin(), order.end());
    std::vector<int> visits(static_cast<std::size_t>(index.beats()));
    for (const std::int64_t s : order) {
      const std::int64_t first = index.first_beat_of(s);
      ASSERT_EQ(index.record_of_beat(first), index.record_of_beat(first + length - 1));
      for (std::int64_t b = first; b < first + length; ++b) ++visits[static_cast<std::size_t>(b)];
    }
    for (std::int64_t b = 0; b < index.beats(); ++b) {
      const std::int64_t r = index.record_of_beat(b);
      const int seen = visits[static_cast<std::size_t>(b)];
      ASSERT_GE(seen, 1) << "beat " << b << ", sequences of " << length;
      const bool inside = b >= index.first_beat(r) + length && b < index.first_beat(r + 1) - length;
      ASSERT_LE(seen, inside ? 1 : 3) << "beat " << b << ", sequences of " << length;
    }
  }
}

TEST(Sampler, CutsWindowsFromAnotherPhaseInEveryEpoch) {
  const SequenceIndex index = make_index({500}, 16);
  Sampler sampler(index, {.shuffle = Shuffle::windows, .batch_size = 8, .seed = 1});
  std::set<std::int64_t> phases;
  for (std::int64_t epoch = 0; epoch < 40; ++epoch) {
    for (const std::int64_t s : order_of(sampler, epoch)) phases.insert(s % 16);
  }
  EXPECT_GE(phases.size(), 12U);
}

TEST(Sampler, GoesOnInTheMiddleOfWindows) {
  const SequenceIndex index = make_index({100, 37, 16}, 16);
  Sampler sampler(index, {.shuffle = Shuffle::windows, .batch_size = 3, .seed = 4});
  const auto all = batches_of(sampler, 2);
  ASSERT_GE(all.size(), 3U);
  const auto rest = batches_of(sampler, 2, 2);
  EXPECT_TRUE(std::equal(rest.begin(), rest.end(), all.begin() + 2, all.end()));
}

// --- Shares --------------------------------------------------------------------------------------

constexpr Shuffle ways_of_shares[] = {Shuffle::full, Shuffle::stretches, Shuffle::windows};

// How often an epoch visits each sequence.
std::map<std::int64_t, std::int64_t> visits_of(Sampler& sampler, std::int64_t epoch) {
  std::map<std::int64_t, std::int64_t> times;
  for (const std::int64_t s : order_of(sampler, epoch)) ++times[s];
  return times;
}

TEST(Shares, VisitExactlyWhatTheySay) {
  testing::Random random(11);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t length = random.integer(1, 6);
    std::vector<std::int64_t> beats;
    for (int r = 0; r < 9; ++r) beats.push_back(random.integer(length + 20, length + 90));
    const SequenceIndex index = make_index(beats, length);
    const double weights[] = {random.uniform(0.05, 1), random.uniform(1, 4)};
    for (const Shuffle shuffle : ways_of_shares) {
      SamplerOptions options{.shuffle = shuffle,
                             .batch_size = random.integer(1, 40),
                             .stretch_length = random.integer(1, 20),
                             .seed = random.word()};
      Sampler once(index, options);
      options.shares = {{2, 1}, {3, weights[0]}, {3, weights[1]}};  // the last record has none
      Sampler sampler(index, options);
      // Per part: sequences of an epoch without shares, and with them.
      const auto part_of = [&](std::int64_t s) {
        const std::int64_t r = index.record_of_sequence(s);
        return r < 2 ? 0 : r < 5 ? 1 : r < 8 ? 2 : 3;
      };
      const std::int64_t epoch = random.integer(0, 9);
      std::int64_t all[4] = {}, found[4] = {};
      for (const auto& [s, n] : visits_of(once, epoch)) all[part_of(s)] += n;
      for (const auto& [s, n] : visits_of(sampler, epoch)) {
        found[part_of(s)] += n;
        // A window at a record's end may be one of the first phase and one of the last.
        const std::int64_t same = shuffle == Shuffle::windows ? 2 : 1;
        const double times = part_of(s) == 2 ? weights[1] : 1;
        EXPECT_LE(n, same * std::lround(std::ceil(times))) << choice_name(shuffle);
        EXPECT_GE(n, std::lround(std::floor(times))) << choice_name(shuffle);
      }
      EXPECT_EQ(found[0], all[0]);
      EXPECT_EQ(found[1], std::llround(weights[0] * static_cast<double>(all[1])));
      EXPECT_EQ(found[2], std::llround(weights[1] * static_cast<double>(all[2])));
      EXPECT_EQ(found[3], all[3]);
      EXPECT_EQ(sampler.sequences(), found[0] + found[1] + found[2] + found[3]);
      EXPECT_EQ(std::ssize(batches_of(sampler, epoch + 1)), sampler.batches());
    }
  }
}

TEST(Shares, DrawOtherSequencesInEachEpochAndAllInTheLongRun) {
  const SequenceIndex index = make_index({40, 62}, 3);
  for (const Shuffle shuffle : {Shuffle::full, Shuffle::stretches}) {
    Sampler sampler(index, {.shuffle = shuffle,
                            .batch_size = 16,
                            .stretch_length = 4,
                            .seed = 8,
                            .shares = {{1, 1}, {1, 0.25}}});
    EXPECT_NE(visits_of(sampler, 0), visits_of(sampler, 1));
    std::map<std::int64_t, std::int64_t> times;
    for (std::int64_t epoch = 0; epoch < 400; ++epoch) {
      for (const auto& [s, n] : visits_of(sampler, epoch)) times[s] += n;
    }
    for (std::int64_t s = 38; s < 98; ++s) {  // 100 each, give or take: σ is 8.7
      EXPECT_NEAR(static_cast<double>(times[s]), 100, 45) << choice_name(shuffle) << " " << s;
    }
  }
}

// What is one store's alone does not change by how stores are written.
TEST(Shares, OfOneAreNone) {
  const SequenceIndex index = make_index({40, 62, 9}, 3);
  for (const Shuffle shuffle : ways_of_shares) {
    Sampler plain(index, {.shuffle = shuffle, .seed = 8});
    Sampler shared(index, {.shuffle = shuffle, .seed = 8, .shares = {{1, 1}, {2, 1}}});
    EXPECT_EQ(order_of(plain, 3), order_of(shared, 3));
  }
}

TEST(Shares, GoOnFromAnyBatchAndKeepToTheBound) {
  testing::Random random(4);
  for (int round = 0; round < 60; ++round) {
    std::vector<std::int64_t> beats;
    for (int r = 0; r < 6; ++r) beats.push_back(random.integer(3, 60));
    const SequenceIndex index = make_index(beats);
    for (const Shuffle shuffle : ways_of_shares) {
      Sampler sampler(index,
                      {.shuffle = shuffle,
                       .batch_size = random.integer(1, 40),
                       .stretch_length = random.integer(1, 20),
                       .seed = random.word(),
                       .shares = {{2, random.uniform(0.5, 3)}, {2, random.uniform(0.5, 2)}}});
      const auto whole = batches_of(sampler, 2);
      for (std::size_t first = 0; first <= whole.size(); ++first) {
        const auto rest = batches_of(sampler, 2, static_cast<std::int64_t>(first));
        ASSERT_TRUE(std::equal(rest.begin(), rest.end(),
                               whole.begin() + static_cast<std::ptrdiff_t>(first), whole.end()))
            << choice_name(shuffle) << " from batch " << first;
      }
      for (const auto& batch : whole) {
        ASSERT_LE(distinct_beats(index, batch), sampler.max_distinct_beats())
            << choice_name(shuffle) << " B " << sampler.options().batch_size << " L "
            << sampler.options().stretch_length;
      }
    }
  }
}

TEST(Shares, AreRefusedWhereTheyCannotBe) {
  const SequenceIndex index = make_index({5, 6});
  EXPECT_ERROR(Sampler(index, {.shuffle = Shuffle::stream, .shares = {{1, 1}}}),
               "shuffle: stream gives every record the same weight");
  EXPECT_ERROR(Sampler(index, {.shuffle = Shuffle::none, .shares = {{1, 1}}}),
               "shuffle: none gives every record the same weight");
  EXPECT_ERROR(Sampler(index, {.shares = {{1, 1}, {2, 1}}}), "shares of more records than there");
  EXPECT_ERROR(Sampler(index, {.shares = {{1, 0.1}}}), "a weight of 0.1 takes none of 3 sequences");
}

}  // namespace
}  // namespace ekgine
