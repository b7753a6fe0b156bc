#include "kernels/runtime/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "tests/cases/random.h"
#include "tests/support/expect_error.h"

namespace ekgine::testing {
namespace {

constexpr std::size_t reserve = std::size_t{1} << 21;

TEST(Arena, ReplaysTheOffsetsItTraced) {
  Arena arena("arena", reserve);
  Arena::Plan plan;
  EXPECT_TRUE(plan.empty());
  std::array<std::byte*, 4> traced{};
  for (int step = 0; step < 3; ++step) {
    arena.begin(plan);
    std::array<std::byte*, 4> blocks{};
    blocks[0] = arena.allocate(100);
    blocks[1] = arena.allocate(0);
    blocks[2] = arena.allocate(64);
    arena.release(blocks[0]);
    blocks[3] = arena.allocate(65);
    for (const int i : {2, 1, 3}) arena.release(blocks[static_cast<std::size_t>(i)]);
    arena.end();
    if (step == 0) traced = blocks;
    EXPECT_EQ(blocks, traced) << "step " << step;
    for (const std::byte* block : blocks) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % Arena::alignment, 0U);
    }
  }
  EXPECT_FALSE(plan.empty());
  EXPECT_EQ(traced[3], traced[0]) << "65 bytes fit where 100 were";
  EXPECT_EQ(plan.bytes(), 128U + 64 + 64);
  EXPECT_EQ(arena.high_water(), plan.bytes());
  EXPECT_EQ(arena.traces(), 1);
  EXPECT_EQ(arena.faults(), 0);
}

TEST(Arena, TakesTheSmallestGapThatFits) {
  Arena arena("arena", reserve);
  Arena::Plan plan;
  arena.begin(plan);
  std::byte* large = arena.allocate(256);
  arena.allocate(64);
  std::byte* small = arena.allocate(128);
  std::byte* end = arena.allocate(64);
  arena.release(large);
  arena.release(small);
  EXPECT_EQ(arena.allocate(100), small);  // not the first gap, which is larger
  EXPECT_EQ(arena.allocate(100), large);
  EXPECT_EQ(arena.allocate(128), large + 128) << "the rest of a split gap is a gap";
  EXPECT_EQ(arena.allocate(1), end + 64);
}

TEST(Arena, MergesGapsReleasedInAnyOrder) {
  std::array<std::size_t, 3> order = {0, 1, 2};
  do {
    Arena arena("arena", reserve);
    Arena::Plan plan;
    arena.begin(plan);
    const std::array<std::byte*, 3> blocks = {arena.allocate(64), arena.allocate(128),
                                              arena.allocate(64)};
    arena.allocate(64);  // keeps the three from merging with the rest
    for (const std::size_t i : order) arena.release(blocks[i]);
    EXPECT_EQ(arena.allocate(256), blocks[0]) << order[0] << order[1] << order[2];
  } while (std::next_permutation(order.begin(), order.end()));
}

// Blocks in use never overlap, keep their contents, and lie at the same places in every step.
TEST(Arena, KeepsRandomBlocksApart) {
  struct Block {
    std::byte* data;
    std::size_t bytes;
    std::uint8_t mark;
  };
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Arena arena("arena", reserve, seed % 2 == 1);
    Arena::Plan plan;
    std::vector<std::byte*> traced;
    for (int step = 0; step < 3; ++step) {
      Random random(seed);
      std::vector<Block> live;
      std::size_t allocations = 0;
      const auto release = [&](std::size_t i) {
        const Block block = live[i];
        EXPECT_TRUE(std::all_of(block.data, block.data + block.bytes,
                                [&](std::byte b) { return b == std::byte{block.mark}; }))
            << "overwritten; seed " << seed << ", step " << step;
        arena.release(block.data);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(i));
      };
      arena.begin(plan);
      for (int event = 0; event < 300; ++event) {
        if (live.size() < 30 && random.uniform() < 0.6) {
          // Later steps may ask for less.
          const auto planned = static_cast<std::size_t>(random.integer(0, 3000));
          const std::size_t bytes = planned / static_cast<std::size_t>(step + 1);
          std::byte* data = arena.allocate(bytes);
          const auto mark = static_cast<std::uint8_t>(allocations);
          std::memset(data, mark, bytes);
          live.push_back({data, bytes, mark});
          if (step == 0) traced.push_back(data);
          ASSERT_EQ(data, traced[allocations++]) << "seed " << seed << ", step " << step;
        } else if (!live.empty()) {
          release(static_cast<std::size_t>(
              random.integer(0, static_cast<std::int64_t>(live.size()) - 1)));
        }
      }
      while (!live.empty()) release(live.size() / 2);
      arena.end();
    }
    EXPECT_EQ(arena.faults(), 0) << "seed " << seed;
    EXPECT_EQ(arena.traces(), 1);
  }
}

// One step: two blocks of these sizes, released in order.
void step(Arena& arena, Arena::Plan& plan, std::size_t first, std::size_t second) {
  arena.begin(plan);
  try {
    std::byte* a = arena.allocate(first);
    std::byte* b = arena.allocate(second);
    arena.release(a);
    arena.release(b);
    arena.end();
  } catch (...) {
    arena.abandon();
    throw;
  }
}

TEST(Arena, RefusesLargerBlocksThanPlanned) {
  Arena arena("activations", reserve);
  Arena::Plan plan;
  step(arena, plan, 1000, 500);
  EXPECT_NO_THROW(step(arena, plan, 1024, 1));  // within the padding; smaller
  arena.begin(plan);
  EXPECT_ERROR(arena.allocate(1025),
               "activations: allocation 0 asks for 1088 bytes as event 0, planned are 1024 bytes "
               "as event 0");
  arena.abandon();
  EXPECT_NO_THROW(step(arena, plan, 1000, 500));
}

TEST(Arena, RefusesStepsOfAnotherKind) {
  Arena arena("activations", reserve);
  Arena::Plan plan;
  step(arena, plan, 64, 64);
  arena.begin(plan);
  std::byte* a = arena.allocate(64);
  std::byte* b = arena.allocate(64);
  EXPECT_ERROR(arena.allocate(8),
               "activations: allocation 2 of 8 bytes is not in the plan of this step");
  arena.release(a);
  arena.release(b);
  arena.abandon();

  arena.begin(plan);
  a = arena.allocate(64);
  arena.release(a);  // planned: only after the second allocation
  EXPECT_ERROR(arena.allocate(64),
               "activations: allocation 1 asks for 64 bytes as event 2, planned are 64 bytes as "
               "event 1");
  EXPECT_EQ(arena.faults(), 1);
}

TEST(Arena, RefusesStepsThatEndEarly) {
  Arena arena("activations", reserve);
  Arena::Plan plan;
  step(arena, plan, 64, 64);
  arena.begin(plan);
  arena.release(arena.allocate(64));
  EXPECT_ERROR(arena.end(), "activations: the step made 1 allocations, planned are 2");
}

TEST(Arena, RefusesCallsOutOfTurn) {
  Arena arena("activations", reserve);
  Arena::Plan plan, other;
  EXPECT_ERROR(arena.allocate(10), "activations: allocation of 10 bytes outside a step");
  EXPECT_ERROR(arena.end(), "activations: end() without begin()");
  arena.begin(plan);
  EXPECT_ERROR(arena.begin(other), "activations: a step is already running");
  std::byte* kept = arena.allocate(10);
  arena.end();
  EXPECT_ERROR(arena.begin(other), "activations: 1 blocks of an earlier step are still in use");
  arena.release(kept);
  EXPECT_NO_THROW(arena.begin(other));
}

TEST(Arena, TracesNothingNewOnceSealed) {
  Arena arena("activations", reserve);
  Arena::Plan plan, other;
  step(arena, plan, 64, 64);
  EXPECT_FALSE(arena.sealed());
  arena.seal();
  EXPECT_TRUE(arena.sealed());
  EXPECT_NO_THROW(step(arena, plan, 64, 64));
  EXPECT_ERROR(arena.begin(other), "activations: a new kind of step after the memory was sealed");
  EXPECT_NO_THROW(step(arena, plan, 64, 64)) << "the refusal leaves the arena usable";
  EXPECT_EQ(arena.traces(), 1);
}

TEST(Arena, KeepsToItsReservation) {
  Arena arena("activations", reserve);
  Arena::Plan plan;
  arena.begin(plan);
  std::byte* most = arena.allocate(reserve - 64);
  EXPECT_ERROR(arena.allocate(3 << 20),
               "activations: 3 MiB do not fit into the reservation of 2 MiB; use a smaller batch");
  EXPECT_EQ(arena.allocate(64), most + reserve - 64) << "the last bytes can be had";
}

TEST(Arena, DropsHalfTracedPlansOnly) {
  Arena arena("activations", reserve);
  Arena::Plan plan;
  arena.begin(plan);
  std::byte* outliving = arena.allocate(64);
  arena.abandon();
  EXPECT_TRUE(plan.empty());
  std::memset(outliving, 1, 64);
  arena.release(outliving);
  step(arena, plan, 64, 64);
  arena.begin(plan);
  outliving = arena.allocate(64);
  arena.abandon();
  arena.release(outliving);
  EXPECT_FALSE(plan.empty()) << "a replayed plan is whole";
  EXPECT_NO_THROW(step(arena, plan, 64, 64));
  EXPECT_EQ(arena.traces(), 2);
  EXPECT_EQ(arena.faults(), 0);
}

TEST(Arena, RemembersItsLargestPlan) {
  Arena arena("activations", reserve);
  Arena::Plan small, large;
  step(arena, small, 64, 64);
  step(arena, large, 640, 64);
  step(arena, small, 64, 64);
  EXPECT_EQ(small.bytes(), 128U);
  EXPECT_EQ(large.bytes(), 704U);
  EXPECT_EQ(arena.high_water(), 704U);
}

TEST(Arena, FillsGuardedBlocksWithNaN) {
  Arena arena("arena", reserve, true);
  Arena::Plan plan;
  for (int step = 0; step < 2; ++step) {
    arena.begin(plan);
    std::byte* block = arena.allocate(256);
    for (int i = 0; i < 64; ++i) {
      float value = 0;
      std::memcpy(&value, block + 4 * i, sizeof value);
      EXPECT_TRUE(std::isnan(value)) << i;
    }
    for (int i = 0; i < 32; ++i) {
      double value = 0;
      std::memcpy(&value, block + 8 * i, sizeof value);
      EXPECT_TRUE(std::isnan(value)) << i;
    }
    std::memset(block, 0, 256);
    arena.release(block);
    arena.end();
  }
  EXPECT_EQ(arena.faults(), 0);
}

TEST(Arena, CountsOverwrittenGuards) {
  for (const std::size_t bytes : {0, 1, 63, 64, 65, 1000}) {
    for (const std::size_t beyond : {0, 1, 63}) {
      Arena arena("arena", reserve, true);
      Arena::Plan plan;
      arena.begin(plan);
      std::byte* block = arena.allocate(bytes);
      std::byte* neighbour = arena.allocate(1);
      block[bytes + beyond] = std::byte{0};
      arena.release(neighbour);
      EXPECT_EQ(arena.faults(), 0);
      arena.release(block);
      EXPECT_EQ(arena.faults(), 1) << beyond << " past the end of " << bytes;
    }
  }
}

TEST(Arena, CountsReleasesOfWhatIsNotInUse) {
  Arena arena("arena", reserve);
  Arena::Plan plan;
  arena.begin(plan);
  std::byte* block = arena.allocate(64);
  arena.release(block + 1);
  EXPECT_EQ(arena.faults(), 1);
  arena.release(block);
  arena.release(block);
  EXPECT_EQ(arena.faults(), 2);
}

}  // namespace
}  // namespace ekgine::testing
