// What this machine can do, measured: the two lines of its roofline.
//
// Williams, Waterman, Patterson: "Roofline: an insightful visual performance model for multicore
// architectures", CACM 52(4), 2009.
#pragma once

#include <string>

#include "kernels/runtime/cpu.h"

namespace ekgine {

struct Roofline {
  double flops;  // fused multiply-adds in float on all threads, floating-point operations/s
  double bytes;  // copying between arrays far larger than the caches, bytes/s read plus written
};

// Takes about a second; the best of several tries, since other work on the machine only slows down.
Roofline measure_roofline();

// Seconds that work of this cost takes at least.
double roofline_seconds(const Roofline& roofline, const Cost& cost);
// "compute" or "memory", whichever line is the lower one for this cost.
std::string bound(const Roofline& roofline, const Cost& cost);

}  // namespace ekgine
