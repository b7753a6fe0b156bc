// Times of one op at one shape on a GPU.
//
// The op is recorded on a tape in several passes, each with inputs, gradients and activations of
// its own, together larger than the L2; each pass's launches are captured, and those of all passes
// make one graph. Before every launch of it a sweep turns the L2 over. So each pass finds nothing
// of its own in the cache, pays for what the passes before it have left to be written, and follows
// the one before it as kernels do in a captured training step, without the host in between.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/cuda/peaks.h"
#include "bench/rivals.h"
#include "tests/cases/placement.h"

namespace ekgine {

struct Timing {
  double seconds = 0;        // of one pass: median of all rounds
  double spread = 0;         // (third quartile − first) / median of the rounds
  std::size_t launches = 0;  // kernels, copies and fills of one pass
};

struct Timings {
  std::int64_t passes = 0;
  Timing forward;
  std::optional<Timing> backward;  // none where there is nothing to differentiate
  testing::StatedCosts costs;
  Results results;  // of the first pass, where asked for
};

// Seeded: the same case has the same inputs, also under another op. Errors: what the op refuses,
// and not enough memory for one pass.
Timings time_case(Device& device, const testing::KernelCase& c, const CudaEffort& effort,
                  const Sweep& sweep, bool with_results);

}  // namespace ekgine
