#include "bench/cuda/timing.h"

#include <algorithm>

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
    return seconds[static_cast<std::size_t>(share * static_cast<double>(seconds.size() - 1) + 0.5)];
  };
  return {at(0.5) / static_cast<double>(passes), (at(0.75) - at(0.25)) / at(0.5), launches};
}

}  // namespace

Timings time_case(Device& device, const KernelCase& c, const CudaEffort& effort, const Sweep& sweep,
                  bool with_results) {
  const Cuda& cuda = cuda_of(device);
  const Footprint footprint = measure_footprint(device, c);
  const std::int64_t arrays = Workload::bytes(device, c, footprint);
  const std::int64_t each = arrays + footprint.activations;
  const auto arena = static_cast<std::int64_t>(device.activations().capacity());
  const std::int64_t fitting =
      std::min(effort.memory / each, arena / std::max<std::int64_t>(footprint.activations, 1));
  if (fitting < 1) {
    fail("{}: a pass of {} MiB does not fit into {} MiB", c.name, each >> 20, effort.memory >> 20);
  }
  const std::int64_t passes = std::min(
      fitting,
      std::clamp(2 * effort.cache_bytes / each + 1, effort.least_passes, effort.most_passes));

  Timings timings;
  timings.passes = passes;
  Sequence forward, backward;
  std::vector<Workload> all;
  all.reserve(static_cast<std::size_t>(passes));
  for (std::int64_t k = 0; k < passes; ++k) {
    Workload& workload = all.emplace_back(device, c, footprint);
    if (k == 0) {
      workload.write(device);
    } else {
      EKGINE_CUDA(cudaMemcpyAsync(workload.memory(), all.front().memory(), arrays,
                                  cudaMemcpyDeviceToDevice, cuda.stream));
    }
    // Once for real: modules are loaded, libraries choose, constants are kept.
    {
      const CostNotes costs(device);
      Pass pass(device, workload, k * footprint.activations);
      pass.forward();
      if (with_results && k == 0) timings.results.push_back(device.read_floats(pass.output()));
      if (footprint.differentiable) pass.backward();
      pass.finish();
      timings.costs = costs.so_far();
    }
    if (with_results && k == 0) {
      for (const Tensor& gradient : workload.gradients()) {
        if (gradient) timings.results.push_back(device.read_floats(gradient));
      }
    }
    Pass pass(device, workload, k * footprint.activations);
    Capture first(cuda.stream);
    pass.forward();
    forward.add(first.end());
    if (footprint.differentiable) {
      Capture second(cuda.stream);
      pass.backward();
      backward.add(second.end());
    }
    pass.finish();
  }
  forward.instantiate();
  if (footprint.differentiable) backward.instantiate();

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
  timings.forward = summarise(forward_times, passes, forward.launches());
  if (!backward.empty()) {
    timings.backward = summarise(backward_times, passes, backward.launches());
  }
  EKGINE_CUDA(cudaStreamSynchronize(cuda.stream));
  return timings;
}

}  // namespace ekgine
