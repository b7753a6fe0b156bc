// cuBLASLt, as much of it as the project calls: matrix products in double, with every argument
// checked against what the cuBLAS manual and cublasLt.h say.
#include <cublasLt.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "emulation/device.h"
#include "emulation/device_access.h"
#include "emulation/library.h"
#include "emulation/streams.h"

struct cublasLtContext {
  char unused;
};

namespace ekgine::emulation {
namespace {

#define HERE LibraryCall(__func__, __builtin_return_address(0))

// cublasLt.h declares its descriptors as plain words; ours are these.
struct Layout {
  cudaDataType_t type;
  std::uint64_t rows, columns;
  std::int64_t leading;
  std::int32_t batches = 1;
  std::int64_t batch_offset = 0;  // from one batch's matrix to the next one's, in elements
};
struct Description {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  std::int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;  // read or, where it is a gradient, written
};
struct Preference {
  std::uint64_t workspace = 0;
  std::uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::array<std::uint32_t, 4> alignment{256, 256, 256, 256};  // A, B, C, D
};

bool finds_bias_gradients = true;

Handles<cublasLtContext> contexts("a cuBLASLt handle");
Handles<Layout> layouts("a cuBLASLt matrix layout");
Handles<Description> descriptions("a cuBLASLt matmul descriptor");
Handles<Preference> preferences("a cuBLASLt preference");

// What a chosen algorithm was chosen for; lies in the words of cublasLtMatmulAlgo_t.
struct Algorithm {
  std::uint64_t problem;  // hash of everything but pointers
  std::uint64_t workspace;
  std::array<std::uint32_t, 4> alignment;
};
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t));

Storage storage_of(cudaDataType_t type) {
  return type == CUDA_R_32F ? Storage::float32 : Storage::bfloat16;
}

// From the first batch's first element to the last one's last.
std::size_t bytes_of(const Layout& layout) {
  if (layout.rows == 0 || layout.columns == 0) return 0;
  const auto leading = static_cast<std::uint64_t>(layout.leading);
  const std::uint64_t last = static_cast<std::uint64_t>(layout.batches - 1) *
                             static_cast<std::uint64_t>(layout.batch_offset);
  return (last + (layout.columns - 1) * leading + layout.rows) * size_of(storage_of(layout.type));
}

// Where a batch's matrix begins.
template <class Byte>
Byte* batch_of(Byte* data, const Layout& layout, std::int32_t batch) {
  return data +
         static_cast<std::size_t>(batch * layout.batch_offset) * size_of(storage_of(layout.type));
}

// Whether the matrices of two batches have an element in common. Those between the columns of one
// may well be of another: (T,H,D) has H such matrices.
bool batches_overlap(const Layout& layout) {
  for (std::int64_t batch = 1; batch < layout.batches; ++batch) {
    // How many columns further on, and how many rows down, the batch begins; it ends in the next
    // column where it reaches beyond this one.
    const std::int64_t columns = batch * layout.batch_offset / layout.leading,
                       rows = batch * layout.batch_offset % layout.leading;
    const auto has = [&](std::int64_t column) {
      return column < static_cast<std::int64_t>(layout.columns);
    };
    const auto height = static_cast<std::int64_t>(layout.rows);
    if (has(columns) && rows < height) return true;
    if (has(columns + 1) && rows + height > layout.leading) return true;
  }
  return false;
}

// A product whose parts fit together.
struct Problem {
  Description description;
  Layout a, b, c, d;

  std::uint64_t m() const { return d.rows; }
  std::uint64_t n() const { return d.columns; }
  std::uint64_t k() const { return description.transpose_a == CUBLAS_OP_N ? a.columns : a.rows; }

  std::uint64_t hash() const {
    std::uint64_t h = 0xCBF29CE484222325U;  // FNV-1a
    const auto mix = [&](auto value) {
      h = (h ^ static_cast<std::uint64_t>(value)) * 0x100000001B3U;
    };
    mix(description.compute);
    mix(description.transpose_a);
    mix(description.transpose_b);
    mix(description.epilogue);
    for (const Layout* layout : {&a, &b, &c, &d}) {
      mix(layout->type);
      mix(layout->rows);
      mix(layout->columns);
      mix(layout->leading);
      mix(layout->batches);
      mix(layout->batch_offset);
    }
    return h;
  }
};

// Copies the layout of matrix `name`; a status and a fault where it describes no matrix.
cublasStatus_t take_layout(const LibraryCall& call, char name, cublasLtMatrixLayout_t given,
                           Layout& to) {
  auto* const layout = reinterpret_cast<Layout*>(given);
  if (!layouts.contains(layout)) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                       fmt::format("the layout of {} was not created", name));
  }
  to = *layout;
  if (layout->rows == 0 || layout->columns == 0) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                       fmt::format("{} is {} x {}", name, layout->rows, layout->columns));
  }
  if (layout->rows > INT32_MAX || layout->columns > INT32_MAX) {
    return call.refuse(
        CUBLAS_STATUS_NOT_SUPPORTED,
        fmt::format("{} is {} x {}: more than 32 bits hold", name, layout->rows, layout->columns));
  }
  if (layout->leading < static_cast<std::int64_t>(layout->rows)) {
    return call.refuse(
        CUBLAS_STATUS_INVALID_VALUE,
        fmt::format("leading dimension of {} is {}, less than its {} rows (it is {} x {}, column "
                    "major)",
                    name, layout->leading, layout->rows, layout->rows, layout->columns));
  }
  if (layout->batches < 1) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                       fmt::format("{} has {} batches", name, layout->batches));
  }
  if (layout->batch_offset < 0) {
    return call.refuse(CUBLAS_STATUS_NOT_SUPPORTED,
                       fmt::format("batches of {} lie {} elements apart, which is not emulated",
                                   name, layout->batch_offset));
  }
  return CUBLAS_STATUS_SUCCESS;
}

// A status and a fault where the shapes do not fit.
cublasStatus_t check_shapes(const LibraryCall& call, const Problem& problem) {
  const Description& d = problem.description;
  const bool ta = d.transpose_a != CUBLAS_OP_N, tb = d.transpose_b != CUBLAS_OP_N;
  const std::uint64_t am = ta ? problem.a.columns : problem.a.rows,
                      ak = ta ? problem.a.rows : problem.a.columns;
  const std::uint64_t bk = tb ? problem.b.columns : problem.b.rows,
                      bn = tb ? problem.b.rows : problem.b.columns;
  if (ak != bk || am != problem.d.rows || bn != problem.d.columns) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                       fmt::format("op(A) is {} x {}, op(B) is {} x {}, D is {} x {}", am, ak, bk,
                                   bn, problem.d.rows, problem.d.columns));
  }
  if (problem.c.rows != problem.d.rows || problem.c.columns != problem.d.columns) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                       fmt::format("C is {} x {}, D is {} x {}", problem.c.rows, problem.c.columns,
                                   problem.d.rows, problem.d.columns));
  }
  const std::array<const Layout*, 3> others{&problem.a, &problem.b, &problem.c};
  for (std::size_t i = 0; i < others.size(); ++i) {
    if (others[i]->batches == problem.d.batches) continue;
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                       fmt::format("{} has {} batches, D has {}", "ABC"[i], others[i] -> batches,
                                   problem.d.batches));
  }
  if (batches_overlap(problem.d)) {
    return call.refuse(
        CUBLAS_STATUS_INVALID_VALUE,
        fmt::format("batches of D, {} x {} with leading dimension {}, overlap: they lie {} "
                    "elements apart",
                    problem.d.rows, problem.d.columns, problem.d.leading, problem.d.batch_offset));
  }
  return CUBLAS_STATUS_SUCCESS;
}

// A status and a fault where the types do not go together, or what is asked is not emulated.
cublasStatus_t check_types(const LibraryCall& call, const Problem& problem) {
  const Description& d = problem.description;
  // The table of supported types, cuBLAS manual, cublasLtMatmul().
  const cudaDataType_t in = problem.a.type, out = problem.d.type;
  const bool floats = in == CUDA_R_32F && out == CUDA_R_32F;
  const bool bfloats = in == CUDA_R_16BF && (out == CUDA_R_16BF || out == CUDA_R_32F);
  const bool compute =
      d.compute == CUBLAS_COMPUTE_32F || (d.compute == CUBLAS_COMPUTE_32F_FAST_TF32 && floats);
  if (problem.b.type != in || problem.c.type != out || !(floats || bfloats) || !compute ||
      d.scale != CUDA_R_32F) {
    return call.refuse(
        CUBLAS_STATUS_NOT_SUPPORTED,
        fmt::format("types {}, {}, {}, {} of A, B, C, D with compute type {} and scale type {}",
                    static_cast<int>(in), static_cast<int>(problem.b.type),
                    static_cast<int>(problem.c.type), static_cast<int>(out),
                    static_cast<int>(d.compute), static_cast<int>(d.scale)));
  }
  if (bfloats && device_properties().major < 8) {
    return call.refuse(CUBLAS_STATUS_ARCH_MISMATCH, "bfloat16 needs compute capability 8.0");
  }
  if (d.epilogue != CUBLASLT_EPILOGUE_DEFAULT && d.epilogue != CUBLASLT_EPILOGUE_BIAS &&
      d.epilogue != CUBLASLT_EPILOGUE_BGRADA) {
    return call.refuse(CUBLAS_STATUS_NOT_SUPPORTED,
                       fmt::format("epilogue {} is not emulated", d.epilogue));
  }
  if (d.epilogue == CUBLASLT_EPILOGUE_BGRADA && problem.d.batches != 1) {
    return call.refuse(CUBLAS_STATUS_NOT_SUPPORTED,
                       "bias gradients of several batches are not emulated");
  }
  return CUBLAS_STATUS_SUCCESS;
}

// Puts the parts together; a status and a fault where they do not fit.
cublasStatus_t assemble(const LibraryCall& call, cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                        std::array<cublasLtMatrixLayout_t, 4> matrices, Problem& problem) {
  if (!contexts.contains(handle)) {
    return call.refuse(CUBLAS_STATUS_NOT_INITIALIZED, "the handle was not created");
  }
  auto* const description = reinterpret_cast<Description*>(desc);
  if (!descriptions.contains(description)) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE, "the matmul descriptor was not created");
  }
  problem.description = *description;
  const std::array<Layout*, 4> parts{&problem.a, &problem.b, &problem.c, &problem.d};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto status = take_layout(call, "ABCD"[i], matrices[i], *parts[i]);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
  }
  const auto status = check_shapes(call, problem);
  return status != CUBLAS_STATUS_SUCCESS ? status : check_types(call, problem);
}

// Columns of a matrix as doubles, or false if it cannot be read.
bool read_matrix(const void* data, const Layout& layout, std::vector<double>& values,
                 const char* argument) {
  const std::size_t element = size_of(storage_of(layout.type));
  values.resize(layout.rows * layout.columns);
  for (std::size_t j = 0; j < layout.columns; ++j) {
    const char* column =
        static_cast<const char*>(data) + j * static_cast<std::size_t>(layout.leading) * element;
    if (!read_array(column, storage_of(layout.type), layout.rows, &values[j * layout.rows],
                    argument)) {
      return false;
    }
  }
  return true;
}

std::vector<double> transpose(const std::vector<double>& x, std::size_t rows, std::size_t columns) {
  std::vector<double> y(x.size());
  for (std::size_t j = 0; j < columns; ++j) {
    for (std::size_t i = 0; i < rows; ++i) y[i * columns + j] = x[j * rows + i];
  }
  return y;
}

struct Pointers {
  const void *a, *b, *c;
  void* d;
  void* workspace;
  std::size_t workspace_bytes;
};

void multiply_batch(const Problem& p, float alpha, float beta, const Pointers& at) {
  const std::size_t m = p.m(), n = p.n(), k = p.k();
  std::vector<double> a, b, c, bias, d(m * n);
  if (!read_matrix(at.a, p.a, a, "A") || !read_matrix(at.b, p.b, b, "B")) return;
  if (beta != 0 && !read_matrix(at.c, p.c, c, "C")) return;
  if (p.description.epilogue == CUBLASLT_EPILOGUE_BIAS) {
    bias.resize(m);
    if (!read_array(p.description.bias, storage_of(p.d.type), m, bias.data(), "bias")) return;
  }
  if (p.description.transpose_a != CUBLAS_OP_N) a = transpose(a, k, m);
  if (p.description.transpose_b != CUBLAS_OP_N) b = transpose(b, n, k);
  if (p.description.compute == CUBLAS_COMPUTE_32F_FAST_TF32) {
    std::transform(a.begin(), a.end(), a.begin(), round_to_tf32);
    std::transform(b.begin(), b.end(), b.begin(), round_to_tf32);
  }
  if (p.description.epilogue == CUBLASLT_EPILOGUE_BGRADA) {
    // Of what the product takes, so of rounded factors: the manual does not promise better.
    std::vector<double> gradient(m);
    for (std::size_t q = 0; q < k; ++q) {
      for (std::size_t i = 0; i < m; ++i) gradient[i] += a[q * m + i];
    }
    if (!write_array(p.description.bias, storage_of(p.d.type), m, gradient.data(),
                     "bias gradient")) {
      return;
    }
  }
  for (std::size_t j = 0; j < n; ++j) {
    double* column = &d[j * m];
    for (std::size_t q = 0; q < k; ++q) {
      const double factor = b[j * k + q];
      const double* from = &a[q * m];
      for (std::size_t i = 0; i < m; ++i) column[i] += factor * from[i];
    }
    for (std::size_t i = 0; i < m; ++i) {
      column[i] *= alpha;
      if (beta != 0) column[i] += beta * c[j * m + i];
      if (!bias.empty()) column[i] += bias[i];
    }
    char* const to = static_cast<char*>(at.d) +
                     j * static_cast<std::size_t>(p.d.leading) * size_of(storage_of(p.d.type));
    if (!write_array(to, storage_of(p.d.type), m, column, "D")) return;
  }
}

void multiply(const Problem& p, float alpha, float beta, const Pointers& at) {
  if (!scribble(at.workspace, at.workspace_bytes, "workspace")) return;
  const auto in = [](const void* data, const Layout& layout, std::int32_t batch) {
    return batch_of(static_cast<const char*>(data), layout, batch);
  };
  for (std::int32_t batch = 0; batch < p.d.batches; ++batch) {
    Pointers of_batch = at;
    of_batch.a = in(at.a, p.a, batch), of_batch.b = in(at.b, p.b, batch);
    if (beta != 0) of_batch.c = in(at.c, p.c, batch);
    of_batch.d = batch_of(static_cast<char*>(at.d), p.d, batch);
    multiply_batch(p, alpha, beta, of_batch);
  }
}

// Sets a field if the size is right.
template <class Field>
cublasStatus_t set(const LibraryCall& call, int attribute, Field& field, const void* value,
                   std::size_t size) {
  if (value == nullptr || size != sizeof(Field)) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                       fmt::format("attribute {} has {} bytes, {} were given", attribute,
                                   sizeof(Field), value == nullptr ? 0 : size));
  }
  std::memcpy(&field, value, size);
  return CUBLAS_STATUS_SUCCESS;
}

bool overlap(const void* x, std::size_t x_bytes, const void* y, std::size_t y_bytes) {
  const auto *x0 = static_cast<const char*>(x), *y0 = static_cast<const char*>(y);
  return x0 < y0 + y_bytes && y0 < x0 + x_bytes;
}

// A status and a fault where an array is not what the kernel may read or write, or D lies in
// another.
cublasStatus_t check_arrays(const LibraryCall& call, const Problem& problem,
                            const Algorithm& algorithm, const Pointers& at, bool reads_c) {
  const auto& alignment = algorithm.alignment;
  if (!call.is_device_array("A", at.a, bytes_of(problem.a), alignment[0]) ||
      !call.is_device_array("B", at.b, bytes_of(problem.b), alignment[1]) ||
      (reads_c && !call.is_device_array("C", at.c, bytes_of(problem.c), alignment[2])) ||
      !call.is_device_array("D", at.d, bytes_of(problem.d), alignment[3]) ||
      (at.workspace_bytes != 0 &&
       !call.is_device_array("workspace", at.workspace, at.workspace_bytes, 16))) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const std::size_t out = size_of(storage_of(problem.d.type)), bias_bytes = problem.m() * out;
  const void* const bias = problem.description.bias;
  if (problem.description.epilogue == CUBLASLT_EPILOGUE_BIAS &&
      !call.is_device_array("bias", bias, bias_bytes, out)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (problem.description.epilogue == CUBLASLT_EPILOGUE_BGRADA) {
    if (!call.is_device_array("bias gradient", bias, bias_bytes, out)) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (overlap(bias, bias_bytes, at.d, bytes_of(problem.d)) ||
        overlap(bias, bias_bytes, at.a, bytes_of(problem.a)) ||
        overlap(bias, bias_bytes, at.b, bytes_of(problem.b)) ||
        (reads_c && overlap(bias, bias_bytes, at.c, bytes_of(problem.c)))) {
      return call.refuse(CUBLAS_STATUS_INVALID_VALUE, "the bias gradient overlaps a matrix");
    }
  }
  if (overlap(at.d, bytes_of(problem.d), at.a, bytes_of(problem.a)) ||
      overlap(at.d, bytes_of(problem.d), at.b, bytes_of(problem.b))) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE, "D overlaps a factor");
  }
  if (reads_c && overlap(at.d, bytes_of(problem.d), at.c, bytes_of(problem.c)) &&
      (at.c != at.d || problem.c.leading != problem.d.leading ||
       problem.c.batch_offset != problem.d.batch_offset)) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE, "D overlaps C, but is not the same matrix");
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

void set_bias_gradients(bool found) {
  finds_bias_gradients = found;
}

}  // namespace ekgine::emulation

using namespace ekgine::emulation;

extern "C" {

const char* cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    default:
      return "an unknown status";
  }
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  const LibraryCall call = HERE;
  if (const auto status = call.planned<cublasStatus_t>(); status != cublasStatus_t{}) return status;
  if (handle == nullptr) return call.refuse(CUBLAS_STATUS_INVALID_VALUE, "handle is null");
  if (forbidden_while_capturing()) {
    return call.refuse(CUBLAS_STATUS_NOT_INITIALIZED, "not allowed while a stream is captured");
  }
  *handle = contexts.make();
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  if (contexts.destroy(handle)) return CUBLAS_STATUS_SUCCESS;
  return HERE.refuse(CUBLAS_STATUS_NOT_INITIALIZED, "the handle was not created");
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          std::uint64_t rows, std::uint64_t columns,
                                          std::int64_t leading) {
  Layout* const made = layouts.make();
  *made = {.type = type, .rows = rows, .columns = columns, .leading = leading};
  *layout = reinterpret_cast<cublasLtMatrixLayout_t>(made);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  if (layouts.destroy(reinterpret_cast<Layout*>(layout))) return CUBLAS_STATUS_SUCCESS;
  return HERE.refuse(CUBLAS_STATUS_INVALID_VALUE, "the layout was not created");
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t handle,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, std::size_t size) {
  const LibraryCall call = HERE;
  auto* const layout = reinterpret_cast<Layout*>(handle);
  if (!layouts.contains(layout)) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE, "the layout was not created");
  }
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
      return set(call, attribute, layout->batches, value, size);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      return set(call, attribute, layout->batch_offset, value, size);
    default:
      return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                         fmt::format("attribute {} is not emulated", static_cast<int>(attribute)));
  }
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  Description* const made = descriptions.make();
  made->compute = compute;
  made->scale = scale;
  *desc = reinterpret_cast<cublasLtMatmulDesc_t>(made);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  if (descriptions.destroy(reinterpret_cast<Description*>(desc))) return CUBLAS_STATUS_SUCCESS;
  return HERE.refuse(CUBLAS_STATUS_INVALID_VALUE, "the matmul descriptor was not created");
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, std::size_t size) {
  const LibraryCall call = HERE;
  auto* const description = reinterpret_cast<Description*>(desc);
  if (!descriptions.contains(description)) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE, "the matmul descriptor was not created");
  }
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set(call, attribute, description->transpose_a, value, size);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return set(call, attribute, description->transpose_b, value, size);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set(call, attribute, description->epilogue, value, size);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set(call, attribute, description->bias, value, size);
    default:
      return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                         fmt::format("attribute {} is not emulated", static_cast<int>(attribute)));
  }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = reinterpret_cast<cublasLtMatmulPreference_t>(preferences.make());
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  if (preferences.destroy(reinterpret_cast<Preference*>(preference))) return CUBLAS_STATUS_SUCCESS;
  return HERE.refuse(CUBLAS_STATUS_INVALID_VALUE, "the preference was not created");
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t size) {
  const LibraryCall call = HERE;
  auto* const preference = reinterpret_cast<Preference*>(handle);
  if (!preferences.contains(preference)) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE, "the preference was not created");
  }
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return set(call, attribute, preference->workspace, value, size);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return set(call, attribute, preference->reductions, value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: {
      const auto matrix =
          static_cast<std::size_t>(attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
      return set(call, attribute, preference->alignment[matrix], value, size);
    }
    default:
      return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                         fmt::format("attribute {} is not emulated", static_cast<int>(attribute)));
  }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference_, int requested,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int* count) {
  const LibraryCall call = HERE;
  if (requested < 1 || results == nullptr || count == nullptr) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                       fmt::format("{} results are asked for", requested));
  }
  *count = 0;
  auto* const preference = reinterpret_cast<Preference*>(preference_);
  if (!preferences.contains(preference)) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE, "the preference was not created");
  }
  Problem problem;
  if (const auto status = assemble(call, handle, desc, {a, b, c, d}, problem);
      status != CUBLAS_STATUS_SUCCESS) {
    return status;
  }
  // Not a fault: whoever asks cannot know.
  if (problem.description.epilogue == CUBLASLT_EPILOGUE_BGRADA && !finds_bias_gradients) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  // Long dot products are split in two, whose sums meet in the workspace, where that is allowed.
  const std::size_t halves =
      2 * static_cast<std::size_t>(problem.d.batches) * problem.m() * problem.n() * sizeof(float);
  const bool split = problem.k() >= 32 && halves <= preference->workspace &&
                     (preference->reductions & CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE) != 0;
  const Algorithm algorithm{problem.hash(), split ? halves : 0, preference->alignment};
  results[0] = {};
  std::memcpy(&results[0].algo, &algorithm, sizeof algorithm);
  results[0].workspaceSize = algorithm.workspace;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  results[0].wavesCount = 1;
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algo,
                              void* workspace, std::size_t workspace_bytes, cudaStream_t stream) {
  const LibraryCall call = HERE;
  if (const auto status = call.planned<cublasStatus_t>(); status != cublasStatus_t{}) return status;
  Problem problem;
  if (const auto status =
          assemble(call, handle, desc, {a_layout, b_layout, c_layout, d_layout}, problem);
      status != CUBLAS_STATUS_SUCCESS) {
    return status;
  }
  if (!call.is_host_scalar("alpha", alpha) || !call.is_host_scalar("beta", beta)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (algo == nullptr) {
    return call.refuse(CUBLAS_STATUS_NOT_SUPPORTED, "algo is null, which is not emulated");
  }
  Algorithm algorithm;
  std::memcpy(&algorithm, algo, sizeof algorithm);
  if (algorithm.problem != problem.hash()) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                       "algo was chosen for another problem than the descriptors say");
  }
  if (workspace_bytes < algorithm.workspace) {
    return call.refuse(CUBLAS_STATUS_INVALID_VALUE,
                       fmt::format("the workspace has {} bytes, algo needs {}", workspace_bytes,
                                   algorithm.workspace));
  }
  const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
  if (problem.description.epilogue == CUBLASLT_EPILOGUE_BGRADA && scale != 1) {
    return call.refuse(CUBLAS_STATUS_NOT_SUPPORTED,
                       fmt::format("alpha is {}: whether it scales the bias gradient, too, is "
                                   "nowhere said, and not emulated",
                                   scale));
  }
  const Pointers pointers{a, b, c, d, workspace, workspace_bytes};
  if (const auto status = check_arrays(call, problem, algorithm, pointers, keep != 0);
      status != CUBLAS_STATUS_SUCCESS) {
    return status;
  }
  const cudaError_t queued = enqueue_library_call(
      stream, "cublasLtMatmul", [=] { multiply(problem, scale, keep, pointers); }, call.caller());
  if (queued == cudaSuccess) return CUBLAS_STATUS_SUCCESS;
  return call.refuse(CUBLAS_STATUS_EXECUTION_FAILED,
                     fmt::format("the stream refuses work: {}", cudaGetErrorName(queued)));
}

}  // extern "C"
