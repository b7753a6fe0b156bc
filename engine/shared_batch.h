// What ranks that share a batch (Tape::Part) tell each other within a step, on the tape and in its
// profiles. On the CPU that is by Ranks; GPUs do it by themselves (Device::join), as part of what
// is queued and captured.
#pragma once

#include "engine/tape.h"

namespace ekgine {

// The rows of all ranks, in their order: x (rows of the part,C) -> (all of them,C); its gradient is
// the sum of the ranks' gradients of those rows, so x is used by nothing else. Without ranks x
// itself.
Tensor gather_rows(Tape& tape, const Tensor& x);

// The sum over the ranks of tape.part(), in place, of a tensor of float or double.
void sum_over_ranks(Tape& tape, const Tensor& values);
// The same on the way back, for an op that was recorded with these ranks.
void sum_over_ranks(Backward& node, Ranks& ranks, const Tensor& values);
// mine (n) of every rank of tape.part(), in their order -> (ranks, n) of the same type.
Tensor of_all_ranks(Tape& tape, const Tensor& mine);

// At the end of a step: gradients become their sums over the ranks, in place; `all` (ranks, n),
// assigned, is what they have in `mine` (n), in their order.
void exchange_step(Device& device, Ranks& ranks, const Tensor& gradients, const Tensor& mine,
                   const Tensor& all);

}  // namespace ekgine
