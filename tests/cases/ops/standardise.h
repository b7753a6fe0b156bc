// Cases of standardise: see tests/cases/op_cases.h.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "tests/cases/op_cases.h"

namespace ekgine::testing {

inline KernelCase standardise_case(std::int64_t rows, std::int64_t channels,
                                   const Spoiling& spoiling, std::optional<Columns> columns = {}) {
  const auto data = [](Shape shape, std::function<double(Random&)> draw) {
    return KernelInput{
        .shape = shape, .differentiable = false, .draw = std::move(draw), .parameter = true};
  };
  return {
      .name =
          fmt::format("standardise ({},{}) noise {} dropout {} of {} shift {}{}", rows, channels,
                      spoiling.noise, spoiling.dropout, spoiling.group, spoiling.shift,
                      columns ? fmt::format(" columns {}+{}", columns->first, columns->count) : ""),
      .inputs = {data({rows, channels}, normal(3, 2)), data({channels}, normal(3, 1)),
                 data({channels}, [](Random& random) { return 0.5 + std::abs(random.normal()); })},
      .op =
          [spoiling, columns](Tape& tape, std::span<const Tensor> in) {
            return standardise(tape, in[0], in[1], in[2], spoiling, columns);
          },
      .random = spoiling.noise != 0 || spoiling.dropout != 0 || spoiling.shift != 0,
  };
}

inline KernelCase take_columns_case(std::int64_t rows, std::int64_t width, Columns columns) {
  return {.name = fmt::format("take_columns ({},{}) columns {}+{}", rows, width, columns.first,
                              columns.count),
          .inputs = {{.shape = {rows, width}, .differentiable = false, .parameter = true}},
          .op = [columns](Tape& tape, std::span<const Tensor> in) {
            return take_columns(tape, in[0], columns);
          }};
}

inline OpCases standardise_cases() {
  const Spoiling trained{.noise = 0.1, .dropout = 0.15, .group = 64, .shift = 0.2, .tied = 0x8003};
  OpCases op{
      .cuda_tests = {standardise_case(0, 4, trained)},
      // A batch of sequences of 64 beats with 48 features each.
      // And what it takes of their waves.
      .model = {standardise_case(1024, 48, trained), take_columns_case(1024, 240, {48, 192})},
      .tiny = {standardise_case(6, 48, trained), take_columns_case(6, 240, {48, 192})},
      .counted = {standardise_case(256, 48, trained)},
      .shaped = {{"standardise",
                  {"rows", "channels"},
                  [trained](Extents e) { return standardise_case(e[0], e[1], trained); }},
                 {"take_columns",
                  {"rows", "columns"},
                  [](Extents e) {
                    return take_columns_case(e[0], 2 * e[1], {e[1], e[1]});
                  }}},
  };
  for (const std::int64_t channels : {1, 2, 3, 31, 32, 33, 127, 129, 187}) {
    op.tests.push_back(standardise_case(
        7, channels, {.noise = 0.5, .dropout = 0.4, .group = 3, .shift = 0.5, .tied = 0x5555}));
  }
  op.tests.push_back(standardise_case(129, 5, {.noise = 0.1}));
  op.tests.push_back(standardise_case(33, 48, {.dropout = 0.9, .group = 100}));
  op.tests.push_back(standardise_case(5, 48, {}));
  op.tests.push_back(take_columns_case(7, 240, {48, 192}));
  op.tests.push_back(take_columns_case(33, 3, {1, 1}));
  for (const Columns columns : {Columns{0, 22}, {22, 13}, {22, 26}, {47, 1}}) {
    op.tests.push_back(standardise_case(
        7, 48, {.noise = 0.5, .dropout = 0.4, .group = 3, .shift = 0.5, .tied = 0x555555555555},
        columns));
  }
  return op;
}

}  // namespace ekgine::testing
