// Which device each of several ranks computes on.
#pragma once

#include <string>
#include <vector>

#include "engine/device.h"
#include "engine/ranks.h"

namespace ekgine {

// What a rank sees of its machine's GPUs.
struct RankGpus {
  std::string host;
  std::vector<std::string> addresses;  // of those that it may use, in CUDA's order
};

RankGpus own_gpus();

// What ranks' GPUs talk by, "NCCL 2.28.3"; "" in a build without.
std::string device_ranks_library();

// The choices of all ranks, of whom all[r] is what rank r sees: the CPU; or of `cuda` a device of
// each rank's own, the K-th for the K-th rank on a machine, or the only one that a rank sees. Of
// `automatic` that, where there is one for every rank, else the CPU. Errors: no GPU for a rank; one
// for two of them.
std::vector<DeviceChoice> devices_of_ranks(const std::vector<RankGpus>& all, DeviceChoice choice);

// This rank's. All ranks call it together, with the same choice, and throw the same. Without
// device_ranks_library() `automatic` is the CPU.
DeviceChoice device_of_rank(Ranks& ranks, DeviceChoice choice);

}  // namespace ekgine
