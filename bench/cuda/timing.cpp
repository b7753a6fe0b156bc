#include "bench/cuda/timing.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "bench/cuda/graph.h"
#include "bench/cuda/stopwatch.h"
#include "bench/workload.h"

namespace ekgine {

namespace {

using testing::KernelCase;

Timing summarise(std::vector<double>& seconds, std::int64_t passes, std::size_t launches) {
  std::ranges::sort(seconds);
  const auto at = [&](double share) {
    const double last = static_cast<double>(seconds.size() - 1);
    return seconds[static_cast<std::size_t>(std::lround(share * last))];
  };
  return {at(0.5) / static_cast<double>(passes), (at(0.75) - at(0.25)) / at(0.5), launches};
}

// How many passes, each in memory of its own, are timed together: as many as turn the cache over
// and fit. Errors: not one fits.
std::int64_t count_passes(Device& device, const KernelCase& c, const CudaEffort& effort,
                          std::int64_t arrays, std::int64_t activations) {
  const std::int64_t each = arrays + activations;
  const auto arena = static_cast<std::int64_t>(device.activations().capacity());
  const std::int64_t fitting =
      std::min(effort.memory / each, arena / std::max<std::int64_t>(activations, 1));
  if (fitting < 1) {
    fail("{}: a pass of {} MiB does not fit into {} MiB", c.name, each >> 20, effort.memory >> 20);
  }
  return std::min(fitting, std::clamp(2 * effort.cache_bytes / each + 1, effort.least_passes,
                                      effort.most_passes));
}

// A pass for real: modules are loaded, libraries choose, constants are kept. Its costs, and its
// results where they are wanted.
testing::StatedCosts run_once(Device& device, Workload& workload, std::int64_t skip,
                              bool differentiable, Results* results) {
  const CostNotes costs(device);
  Pass pass(device, workload, skip);
  if (results != nullptr) {
    *results = results_of(device, workload, pass, differentiable);
  } else {
    pass.forward();
    if (differentiable) pass.backward();
    pass.finish();
  }
  return costs.so_far();
}

// The launches of all passes.
struct Launches {
  Sequence forward, backward;  // the latter empty where there is nothing to differentiate
};

void capture_pass(Device& device, Workload& workload, std::int64_t skip, bool differentiable,
                  Launches& launches) {
  const Cuda& cuda = cuda_of(device);
  Pass pass(device, workload, skip);
  Capture first(cuda.stream);
  pass.forward();
  launches.forward.add(first.end());
  if (differentiable) {
    Capture second(cuda.stream);
    pass.backward();
    launches.backward.add(second.end());
  }
  pass.finish();
}

void time_launches(const Cuda& cuda, const Launches& launches, const CudaEffort& effort,
                   const Sweep& sweep, Timings& timings) {
  const auto& [forward, backward] = launches;
  Stopwatch watch;
  const auto run = [&](const Sequence& sequence) {
    sweep.run();
    watch.start(cuda.stream);
    sequence.launch(cuda.stream);
    watch.stop(cuda.stream);
    return watch.seconds();
  };
  std::vector<double> forward_times, backward_times;
  double total = 0;
  for (int round = -effort.warm_rounds; round < effort.most_rounds; ++round) {
    if (round >= effort.least_rounds && total >= effort.seconds) break;
    // Backward may overwrite what forward has saved, so it follows one each time.
    const double there = run(forward);
    const double back = backward.empty() ? 0 : run(backward);
    if (round < 0) continue;
    total += there + back;
    forward_times.push_back(there);
    backward_times.push_back(back);
  }
  timings.forward = summarise(forward_times, timings.passes, forward.launches());
  if (!backward.empty()) {
    timings.backward = summarise(backward_times, timings.passes, backward.launches());
  }
}

}  // namespace

Timings time_case(Device& device, const KernelCase& c, const CudaEffort& effort, const Sweep& sweep,
                  bool with_results) {
  const Cuda& cuda = cuda_of(device);
  const Footprint footprint = measure_footprint(device, c);
  const std::int64_t arrays = Workload::bytes(device, c, footprint);

  Timings timings;
  timings.passes = count_passes(device, c, effort, arrays, footprint.activations);
  Launches launches;
  std::vector<Workload> all;
  all.reserve(static_cast<std::size_t>(timings.passes));
  for (std::int64_t k = 0; k < timings.passes; ++k) {
    Workload& workload = all.emplace_back(device, c, footprint);
    if (k == 0) {
      workload.write(device);
    } else {
      EKGINE_CUDA(cudaMemcpyAsync(workload.memory(), all.front().memory(), arrays,
                                  cudaMemcpyDeviceToDevice, cuda.stream));
    }
    const std::int64_t skip = k * footprint.activations;
    timings.costs = run_once(device, workload, skip, footprint.differentiable,
                             with_results && k == 0 ? &timings.results : nullptr);
    capture_pass(device, workload, skip, footprint.differentiable, launches);
  }
  launches.forward.instantiate();
  if (footprint.differentiable) launches.backward.instantiate();

  time_launches(cuda, launches, effort, sweep, timings);
  EKGINE_CUDA(cudaStreamSynchronize(cuda.stream));
  return timings;
}

}  // namespace ekgine
