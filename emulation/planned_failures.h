// Failures that the environment asks for, so that a whole program can be shown what it will rarely
// see: EKGINE_EMULATED_FAILURE=WHAT=STATUS[@N], several of them separated by commas.
//
// WHAT is a function (cudaMalloc, cudnnConvolutionForward) or the name of a kernel, STATUS the
// number it returns, from the N-th call on (the first, unless said). A kernel returns as kernels
// do: to whoever waits for it. ncclCommGetAsyncError is that of collectives: from the N-th one on
// they never end, and ncclCommGetAsyncError() tells STATUS (7, ncclInProgress: tells nothing).
#pragma once

#include <string_view>

namespace ekgine::emulation {

// What this call must return; 0: nothing is planned, go on. Counts calls.
int planned_failure(std::string_view what);

}  // namespace ekgine::emulation
