// cuFFT, as much of it as the project calls: batched real transforms in one dimension, in double,
// with every argument checked against what the cuFFT manual says.
#include <cufft.h>
#include <fmt/format.h>

#include <cmath>
#include <complex>
#include <cstdint>
#include <map>
#include <numbers>
#include <vector>

#include "emulation/device_access.h"
#include "emulation/library.h"
#include "emulation/streams.h"

namespace ekgine::emulation {
namespace {

#define HERE LibraryCall(__func__, __builtin_return_address(0))

// Plans are numbers to their users.
struct Plan {
  bool made = false;
  bool own_work_area = true;
  cufftType type = CUFFT_R2C;
  std::size_t n = 0, batch = 0;
  std::size_t work_bytes = 0;
  void* work_area = nullptr;
  cudaStream_t stream = nullptr;
};

Handles<Plan> plans("a cuFFT plan");
std::map<cufftHandle, Plan*> numbered;
cufftHandle next_number = 1;

Plan* find(cufftHandle handle) {
  const auto found = numbered.find(handle);
  return found == numbered.end() ? nullptr : found->second;
}

using Complex = std::complex<double>;

// exp(sign·2πi·k/n), k = 0...n−1
std::vector<Complex> roots_of_unity(std::size_t n, double sign) {
  std::vector<Complex> roots;
  for (std::size_t k = 0; k < n; ++k) {
    roots.push_back(std::polar(
        1.0, sign * 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n)));
  }
  return roots;
}

// x[0], x[stride], ..., n of them, transformed: by the smallest prime factor of n first. `roots`
// are those of unity of n·stride.
std::vector<Complex> transform(const Complex* x, std::size_t n, std::size_t stride,
                               const std::vector<Complex>& roots) {
  if (n == 1) return {x[0]};
  std::size_t factor = 2;
  while (n % factor != 0) ++factor;
  const std::size_t rest = n / factor;
  std::vector<Complex> y(n);
  for (std::size_t r = 0; r < factor; ++r) {
    const std::vector<Complex> part = transform(x + r * stride, rest, stride * factor, roots);
    for (std::size_t f = 0; f < n; ++f) y[f] += part[f % rest] * roots[f * r % n * stride];
  }
  return y;
}

void run_forward(const Plan& plan, const float* in, float2* out) {
  if (!scribble(plan.work_area, plan.work_bytes, "work area")) return;
  const std::vector<Complex> roots = roots_of_unity(plan.n, -1);
  std::vector<double> row(plan.n), result(2 * (plan.n / 2 + 1));
  for (std::size_t i = 0; i < plan.batch; ++i) {
    if (!read_array(in + i * plan.n, Storage::float32, plan.n, row.data(), "idata")) return;
    const std::vector<Complex> x(row.begin(), row.end());
    const std::vector<Complex> y = transform(x.data(), plan.n, 1, roots);
    for (std::size_t f = 0; f <= plan.n / 2; ++f) {
      result[2 * f] = y[f].real();
      result[2 * f + 1] = y[f].imag();
    }
    if (!write_array(out + i * (plan.n / 2 + 1), Storage::float32, result.size(), result.data(),
                     "odata")) {
      return;
    }
  }
}

void run_inverse(const Plan& plan, float2* in, float* out) {
  if (!scribble(plan.work_area, plan.work_bytes, "work area")) return;
  const std::vector<Complex> roots = roots_of_unity(plan.n, 1);
  const std::size_t half = plan.n / 2 + 1;
  std::vector<double> spectrum(2 * half), result(plan.n);
  std::vector<Complex> x(plan.n);
  for (std::size_t i = 0; i < plan.batch; ++i) {
    float2* const row = in + i * half;
    if (!read_array(row, Storage::float32, spectrum.size(), spectrum.data(), "idata")) return;
    // What a symmetric spectrum must not have is not looked at: the imaginary parts at its ends.
    for (std::size_t f = 0; f < half; ++f) {
      const bool end = f == 0 || 2 * f == plan.n;
      x[f] = {spectrum[2 * f], end ? 0 : spectrum[2 * f + 1]};
      if (!end) x[plan.n - f] = std::conj(x[f]);
    }
    const std::vector<Complex> y = transform(x.data(), plan.n, 1, roots);
    for (std::size_t t = 0; t < plan.n; ++t) result[t] = y[t].real();
    // The manual lets complex-to-real transforms destroy their input: this one always does.
    if (!scribble(row, half * sizeof(float2), "idata") ||
        !write_array(out + i * plan.n, Storage::float32, plan.n, result.data(), "odata")) {
      return;
    }
  }
}

// Checks what both directions have in common.
cufftResult check(const LibraryCall& call, const Plan* plan, cufftType type, const void* in,
                  std::size_t in_bytes, const void* out, std::size_t out_bytes) {
  if (plan->type != type) {
    return call.refuse(CUFFT_INVALID_TYPE,
                       fmt::format("the plan was made for type {:#x}, this is {:#x}",
                                   static_cast<int>(plan->type), static_cast<int>(type)));
  }
  if (plan->work_bytes != 0 && plan->work_area == nullptr) {
    return call.refuse(
        CUFFT_NO_WORKSPACE,
        fmt::format("no work area was set, the plan needs {} bytes", plan->work_bytes));
  }
  if (plan->work_bytes != 0 &&
      !call.is_device_array("work area", plan->work_area, plan->work_bytes, 16)) {
    return CUFFT_INVALID_VALUE;
  }
  if (in == out) return call.refuse(CUFFT_NOT_SUPPORTED, "transforms in place are not emulated");
  for (const auto& [name, data] : {std::pair{"idata", in}, {"odata", out}}) {
    if (reinterpret_cast<std::uintptr_t>(data) % sizeof(float2) != 0) {
      return call.refuse(CUFFT_UNALIGNED_DATA,
                         fmt::format("{} ({}) is not aligned to a complex number", name, data));
    }
  }
  if (!call.is_device_array("idata", in, in_bytes, 1) ||
      !call.is_device_array("odata", out, out_bytes, 1)) {
    return CUFFT_INVALID_VALUE;
  }
  return CUFFT_SUCCESS;
}

cufftResult queue(const LibraryCall& call, cudaStream_t stream, std::function<void()> work) {
  const cudaError_t queued =
      enqueue_library_call(stream, call.function(), std::move(work), call.caller());
  if (queued == cudaSuccess) return CUFFT_SUCCESS;
  return call.refuse(CUFFT_EXEC_FAILED,
                     fmt::format("the stream refuses work: {}", cudaGetErrorName(queued)));
}

}  // namespace
}  // namespace ekgine::emulation

using namespace ekgine::emulation;

extern "C" {

cufftResult cufftCreate(cufftHandle* handle) {
  const LibraryCall call = HERE;
  if (handle == nullptr) return call.refuse(CUFFT_INVALID_VALUE, "handle is null");
  *handle = next_number++;
  numbered[*handle] = plans.make();
  return CUFFT_SUCCESS;
}

cufftResult cufftDestroy(cufftHandle handle) {
  const LibraryCall call = HERE;
  Plan* const plan = find(handle);
  if (plan == nullptr) {
    return call.refuse(CUFFT_INVALID_PLAN, fmt::format("plan {} does not exist", handle));
  }
  numbered.erase(handle);
  plans.destroy(plan);
  return CUFFT_SUCCESS;
}

cufftResult cufftSetAutoAllocation(cufftHandle handle, int allocate) {
  const LibraryCall call = HERE;
  Plan* const plan = find(handle);
  if (plan == nullptr || plan->made) {
    return call.refuse(CUFFT_INVALID_PLAN, plan == nullptr
                                               ? fmt::format("plan {} does not exist", handle)
                                               : "the plan was made already");
  }
  plan->own_work_area = allocate != 0;
  return CUFFT_SUCCESS;
}

cufftResult cufftMakePlanMany(cufftHandle handle, int rank, int* n, int* inembed, int istride,
                              int idist, int* onembed, int ostride, int odist, cufftType type,
                              int batch, std::size_t* work_size) {
  const LibraryCall call = HERE;
  Plan* const plan = find(handle);
  if (plan == nullptr || plan->made) {
    return call.refuse(CUFFT_INVALID_PLAN, plan == nullptr
                                               ? fmt::format("plan {} does not exist", handle)
                                               : "the plan was made already");
  }
  if (type != CUFFT_R2C && type != CUFFT_C2R) {
    return call.refuse(CUFFT_INVALID_TYPE,
                       fmt::format("type {:#x} is not emulated", static_cast<int>(type)));
  }
  if (rank != 1 || n == nullptr || work_size == nullptr) {
    return call.refuse(CUFFT_INVALID_VALUE, fmt::format("rank {} is not emulated", rank));
  }
  if (n[0] < 1 || batch < 1) {
    return call.refuse(CUFFT_INVALID_SIZE, fmt::format("{} transforms of length {}", batch, n[0]));
  }
  const int half = n[0] / 2 + 1;
  const int in = type == CUFFT_R2C ? n[0] : half, out = type == CUFFT_R2C ? half : n[0];
  // Without embedding the strides are ignored and rows are packed.
  if ((inembed == nullptr) != (onembed == nullptr) ||
      (inembed != nullptr && (inembed[0] < in || istride != 1 || idist != in || onembed[0] < out ||
                              ostride != 1 || odist != out))) {
    return call.refuse(
        CUFFT_INVALID_SIZE,
        fmt::format("rows of {} at stride {}, distance {} become rows of {} at stride {}, "
                    "distance {}: only packed rows ({} and {}) are emulated",
                    inembed == nullptr ? 0 : inembed[0], istride, idist,
                    onembed == nullptr ? 0 : onembed[0], ostride, odist, in, out));
  }
  if (plan->own_work_area) {
    return call.refuse(CUFFT_ALLOC_FAILED,
                       "plans that allocate their own work area are not emulated: "
                       "cufftSetAutoAllocation(plan, 0) before");
  }
  if (forbidden_while_capturing()) {
    return call.refuse(CUFFT_INTERNAL_ERROR, "not allowed while a stream is captured");
  }
  plan->made = true;
  plan->type = type;
  plan->n = static_cast<std::size_t>(n[0]);
  plan->batch = static_cast<std::size_t>(batch);
  // As much as one copy of the spectra, so that users are seen to provide it.
  plan->work_bytes = static_cast<std::size_t>(half) * plan->batch * sizeof(float2);
  *work_size = plan->work_bytes;
  return CUFFT_SUCCESS;
}

cufftResult cufftSetStream(cufftHandle handle, cudaStream_t stream) {
  Plan* const plan = find(handle);
  if (plan == nullptr) {
    return HERE.refuse(CUFFT_INVALID_PLAN, fmt::format("plan {} does not exist", handle));
  }
  plan->stream = stream;
  return CUFFT_SUCCESS;
}

cufftResult cufftSetWorkArea(cufftHandle handle, void* area) {
  const LibraryCall call = HERE;
  Plan* const plan = find(handle);
  if (plan == nullptr || !plan->made) {
    return call.refuse(CUFFT_INVALID_PLAN, plan == nullptr
                                               ? fmt::format("plan {} does not exist", handle)
                                               : "the plan was not made yet");
  }
  if (plan->work_bytes != 0 && !call.is_device_array("work area", area, plan->work_bytes, 16)) {
    return CUFFT_INVALID_VALUE;
  }
  plan->work_area = area;
  return CUFFT_SUCCESS;
}

cufftResult cufftExecR2C(cufftHandle handle, cufftReal* in, cufftComplex* out) {
  const LibraryCall call = HERE;
  if (const auto status = call.planned<cufftResult>(); status != cufftResult{}) return status;
  const Plan* const plan = find(handle);
  if (plan == nullptr || !plan->made) {
    return call.refuse(CUFFT_INVALID_PLAN, fmt::format("plan {} was not made", handle));
  }
  const std::size_t half = plan->n / 2 + 1;
  if (const cufftResult status =
          check(call, plan, CUFFT_R2C, in, plan->batch * plan->n * sizeof(float), out,
                plan->batch * half * sizeof(float2));
      status != CUFFT_SUCCESS) {
    return status;
  }
  return queue(call, plan->stream, [copy = *plan, in, out] { run_forward(copy, in, out); });
}

cufftResult cufftExecC2R(cufftHandle handle, cufftComplex* in, cufftReal* out) {
  const LibraryCall call = HERE;
  const Plan* const plan = find(handle);
  if (plan == nullptr || !plan->made) {
    return call.refuse(CUFFT_INVALID_PLAN, fmt::format("plan {} was not made", handle));
  }
  const std::size_t half = plan->n / 2 + 1;
  if (const cufftResult status =
          check(call, plan, CUFFT_C2R, in, plan->batch * half * sizeof(float2), out,
                plan->batch * plan->n * sizeof(float));
      status != CUFFT_SUCCESS) {
    return status;
  }
  return queue(call, plan->stream, [copy = *plan, in, out] { run_inverse(copy, in, out); });
}

}  // extern "C"
