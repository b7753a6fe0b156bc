// Philox4x32-10: random bits as a pure function of a key and a counter.
//
// Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011. No state:
// the same bits in any order, on any thread, on CPU and GPU, so that a training step with dropout
// can be repeated after a kill and compared between devices.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/runtime/step.h"

namespace ekgine {

// Names one stream of random bits: one op of one step of one run.
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  std::uint32_t op = 0;
};

// The stream of op `op` of a step.
constexpr RandomKey random_key(const Step& step, std::uint32_t op) {
  return {step.seed, step.number, op};
}

// Four 32-bit words for block `block` of the stream.
constexpr std::array<std::uint32_t, 4> philox(RandomKey key, std::uint64_t block) {
  std::uint32_t k0 = static_cast<std::uint32_t>(key.seed);
  std::uint32_t k1 = static_cast<std::uint32_t>(key.seed >> 32);
  std::array<std::uint32_t, 4> c = {static_cast<std::uint32_t>(block),
                                    static_cast<std::uint32_t>(block >> 32), key.op, key.step};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return c;
}

// Word i of the stream: word i mod 4 of block i / 4.
constexpr std::uint32_t random_word(RandomKey key, std::uint64_t i) {
  return philox(key, i / 4)[i % 4];
}

// Uniform in [0, 1) with 24 random bits: exact in float.
constexpr double random_uniform(RandomKey key, std::uint64_t i) {
  return static_cast<double>(random_word(key, i) >> 8) * 0x1p-24;
}

}  // namespace ekgine
