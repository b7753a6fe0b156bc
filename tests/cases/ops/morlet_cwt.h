// Cases of morlet_cwt: see tests/cases/op_cases.h.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/back_end.h"
#include "kernels/morlet_cwt.h"
#include "tests/cases/op_cases.h"

namespace ekgine::testing {

// The other of CUDA's two ways.
inline Rival morlet_cwt_rival(const kernels::MorletCwtShape& s) {
  using Path = kernels::MorletCwtPath;
  const bool matrix = kernels::morlet_cwt_path(s) == Path::matrix;
  const auto op = [s, other = matrix ? Path::fft : Path::matrix](Tape& tape,
                                                                 std::span<const Tensor> in) {
    tape.device().run([&]<class B>(B& b) {
      if constexpr (B::is_cuda) kernels::morlet_cwt_prepare(b.context, s, other);
    });
    Tensor y = tape.empty_image({s.signals, s.scales.count(), s.length, 1});
    tape.run([&]<class B>(B& b) {
      if constexpr (B::is_cuda) {
        kernels::morlet_cwt(b.context, s, other, in[0].data<float>(), in[1].data<float>(),
                            in[2].data<float>(), y.data<typename B::Image>());
      }
    });
    return y;
  };
  return {matrix ? "cuFFT, ekgine" : "cuBLASLt, ekgine", op, false};
}

inline KernelCase morlet_cwt_case(std::int64_t signals, std::int64_t length,
                                  const kernels::MorletScales& scales,
                                  kernels::MorletSigns signs = kernels::MorletSigns::dropped) {
  const kernels::MorletCwtShape s{signals, length, scales, signs};
  const bool kept = signs == kernels::MorletSigns::kept;
  const bool matrix = kernels::morlet_cwt_path(s) == kernels::MorletCwtPath::matrix;
  const auto constant = [](Shape shape, std::function<double(Random&)> draw = {}) {
    return KernelInput{
        .shape = shape, .differentiable = false, .draw = std::move(draw), .parameter = true};
  };
  return {
      .name = fmt::format(
          "morlet_cwt {}{}{}", Shape{signals, scales.count(), length}.text(),
          scales == scales.count() ? "" : fmt::format(" of scales {}", fmt::join(scales, " ")),
          kept ? " signed" : ""),
      .inputs = {constant({signals, length}), constant({length}),
                 constant({length}, [](Random& random) { return random.uniform(0.5, 2); })},
      .op =
          [scales, signs](Tape& tape, std::span<const Tensor> in) {
            return morlet_cwt(tape, in[0], scales, in[1], in[2], signs);
          },
      .cuda_by = matrix ? "cuBLASLt, ekgine" : "cuFFT, ekgine",
      .rivals = {morlet_cwt_rival(s)},
  };
}

inline OpCases morlet_cwt_cases() {
  OpCases op{
      .cuda_tests = {morlet_cwt_case(0, 187, 4)},
      .model = {morlet_cwt_case(384, 187, 32)},
      .tiny = {morlet_cwt_case(2, 33, 4)},
      .counted = {morlet_cwt_case(4, 187, 32)},
      .shaped = {{"morlet_cwt",
                  {"signals", "samples", "scales"},
                  [](Extents e) { return morlet_cwt_case(e[0], e[1], e[2]); }}},
  };
  for (const std::int64_t length : {1, 2, 3, 31, 32, 33, 127, 129, 187}) {
    op.tests.push_back(morlet_cwt_case(3, length, 5));
  }
  op.tests.push_back(morlet_cwt_case(1, 17, 1));
  op.tests.push_back(morlet_cwt_case(65, 8, 32));
  op.tests.push_back(morlet_cwt_case(129, 7, 2));
  // Long ones, which CUDA transforms; the filters are shorter than the signals, and longer.
  op.tests.push_back(morlet_cwt_case(3, 300, 2));
  op.tests.push_back(morlet_cwt_case(2, 300, 40));
  // Any scales, in any order; those of Rhythm_Model.
  const kernels::MorletScales waves = {3, 4, 5, 6, 8, 10, 14, 24};
  op.tests.push_back(morlet_cwt_case(6, 96, waves, kernels::MorletSigns::kept));
  op.tests.push_back(morlet_cwt_case(2, 33, {7, 2, 40}));
  op.tests.push_back(morlet_cwt_case(2, 300, {24, 3}, kernels::MorletSigns::kept));
  return op;
}

}  // namespace ekgine::testing
