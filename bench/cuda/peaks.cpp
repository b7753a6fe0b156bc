#include "bench/cuda/peaks.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "base/error.h"
#include "bench/cuda/graph.h"
#include "bench/cuda/peaks_kernels.h"
#include "bench/cuda/stopwatch.h"
#include "engine/back_end.h"
#include "kernels/runtime/cuda_libraries.h"
#include "tests/cases/random.h"

namespace ekgine {

namespace {

// The fewest seconds that the queued work took in any of the tries.
double best_of(int tries, const Cuda& cuda, const std::function<void()>& work) {
  Stopwatch watch;
  double best = 0;
  for (int i = 0; i < tries; ++i) {
    watch.start(cuda.stream);
    work();
    watch.stop(cuda.stream);
    const double time = watch.seconds();
    if (i == 0 || time < best) best = time;
  }
  return best;
}

double copy_rate(Device& device, const CudaEffort& effort) {
  const auto bytes = static_cast<std::size_t>(effort.copy_bytes);
  const auto from = device.allocate("source of the copy", bytes);
  const auto to = device.allocate("target of the copy", bytes);
  const Cuda& cuda = cuda_of(device);
  EKGINE_CUDA(cudaMemsetAsync(from->data(), 0, bytes, cuda.stream));
  const double time = best_of(effort.most_rounds, cuda, [&] {
    peak_copy(cuda, effort.copy_bytes / 4, reinterpret_cast<const float*>(from->data()),
              reinterpret_cast<float*>(to->data()));
  });
  return 2 * static_cast<double>(bytes) / time;
}

// Values are random: those of zeros would take less power, and clocks follow power.
template <class T>
double product_rate(Device& device, const CudaEffort& effort, bool tf32) {
  const Cuda& base = cuda_of(device);
  CudaLibraries libraries(base.stream, tf32);
  const Cuda cuda{.stream = base.stream,
                  .workspace = base.workspace,
                  .libraries = libraries,
                  .step = base.step,
                  .multiprocessors = base.multiprocessors,
                  .compute_capability = base.compute_capability,
                  .tf32 = tf32};
  const std::int64_t n = effort.product_size;
  const auto bytes = static_cast<std::size_t>(n * n) * sizeof(T);
  const auto a = device.allocate("factor", bytes), b = device.allocate("factor", bytes),
             c = device.allocate("product", bytes);
  const auto of = [](const std::unique_ptr<Memory>& memory) {
    return reinterpret_cast<T*>(memory->data());
  };
  testing::Random random(1);
  std::vector<T> values(static_cast<std::size_t>(n * n));
  const std::size_t drawn = std::min<std::size_t>(values.size(), 4099);  // a prime
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = i < drawn ? T(static_cast<float>(random.normal())) : values[i - drawn];
  }
  for (T* factor : {of(a), of(b)}) {
    EKGINE_CUDA(cudaMemcpyAsync(factor, values.data(), bytes, cudaMemcpyHostToDevice, cuda.stream));
  }
  EKGINE_CUDA(cudaStreamSynchronize(cuda.stream));
  const auto multiply = [&] {
    libraries.multiply<T, T>(cuda, "peak", {.m = n, .n = n, .k = n}, of(a), of(b), nullptr,
                             Gradient<T>{of(c), false});
  };
  multiply();  // chooses its algorithm
  const double time = best_of(effort.most_rounds, cuda, multiply);
  EKGINE_CUDA(cudaStreamSynchronize(cuda.stream));
  const auto size = static_cast<double>(n);
  return 2 * size * size * size / time;
}

double launch_time(const Cuda& cuda, int count, int tries) {
  Capture capture(cuda.stream);
  for (int i = 0; i < count; ++i) peak_empty(cuda);
  Sequence sequence;
  sequence.add(capture.end());
  sequence.instantiate();
  return best_of(tries, cuda, [&] { sequence.launch(cuda.stream); }) / count;
}

}  // namespace

const Cuda& cuda_of(Device& device) {
  const Cuda* cuda = nullptr;
  device.run([&]<class B>(B& b) {
    if constexpr (B::is_cuda) cuda = &b.context;
  });
  if (cuda == nullptr) fail("the device is not a CUDA device");
  return *cuda;
}

CudaEffort CudaEffort::of_device(int ordinal) {
  int cache = 0;
  EKGINE_CUDA(cudaDeviceGetAttribute(&cache, cudaDevAttrL2CacheSize, ordinal));
  EKGINE_CUDA(cudaSetDevice(ordinal));
  std::size_t free = 0, total = 0;
  EKGINE_CUDA(cudaMemGetInfo(&free, &total));
  const auto available = static_cast<std::int64_t>(free);
  const auto fitting = [&](std::int64_t wanted, std::int64_t share) {
    return std::min(wanted, available / share / 4096 * 4096);
  };
  return {.copy_bytes = fitting(std::int64_t{1} << 30, 4),
          .product_size = available > (std::int64_t{4} << 30) ? 8192 : 4096,
          .cache_bytes = cache,
          .least_passes = 3,
          .most_passes = 128,
          .memory = fitting(std::int64_t{12} << 30, 3),
          .warm_rounds = 3,
          .least_rounds = 11,
          .most_rounds = 101,
          .seconds = 0.1};
}

CudaEffort CudaEffort::emulated() {
  return {.copy_bytes = 1 << 14,
          .product_size = 16,
          .cache_bytes = 1 << 12,
          .least_passes = 2,
          .most_passes = 2,
          .memory = 1 << 24,
          .warm_rounds = 0,
          .least_rounds = 1,
          .most_rounds = 1,
          .seconds = 0};
}

CudaPeaks measure_cuda_peaks(Device& device, const CudaEffort& effort) {
  CudaPeaks peaks;
  peaks.f32 = product_rate<float>(device, effort, false);
  const Cuda& cuda = cuda_of(device);
  if (cuda.compute_capability >= 80) {
    peaks.tf32 = product_rate<float>(device, effort, true);
    peaks.bf16 = product_rate<bfloat16>(device, effort, false);
  }
  peaks.copy = copy_rate(device, effort);
  peaks.launch = launch_time(cuda, 100, effort.most_rounds);
  return peaks;
}

Sweep::Sweep(Device& device, std::int64_t bytes)
    : cuda_(cuda_of(device)),
      count_(bytes / 16 * 4),
      buffer_(device.allocate("sweep", static_cast<std::size_t>(count_) * sizeof(float))),
      sums_(device.allocate("sums of the sweep", static_cast<std::size_t>(cuda_.multiprocessors) *
                                                     sweep_blocks_per_multiprocessor *
                                                     sizeof(float))) {
  EKGINE_CUDA(cudaMemsetAsync(buffer_->data(), 0, buffer_->bytes(), cuda_.stream));
}

void Sweep::run() const {
  peak_sweep(cuda_, count_, reinterpret_cast<const float*>(buffer_->data()),
             reinterpret_cast<float*>(sums_->data()));
}

}  // namespace ekgine
