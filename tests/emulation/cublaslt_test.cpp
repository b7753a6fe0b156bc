// The stand-in for cuBLASLt multiplies as the manual says, and refuses every wrong argument with
// the status that it documents and a fault that names the call and the argument.
#include <cublasLt.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "emulation/emulation.h"
#include "kernels/runtime/bfloat16.h"
#include "tests/support/cuda_array.h"

namespace ekgine::emulation {
namespace {

using ekgine::testing::CudaArray;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// D (2 x 3) = op(A) (2 x 4) · op(B) (4 x 3), column major, and everything that can be said wrong of
// it. Descriptors and arrays live as long as the object.
struct Product {
  cudaDataType_t a_type = CUDA_R_32F, b_type = CUDA_R_32F, c_type = CUDA_R_32F, d_type = CUDA_R_32F;
  std::uint64_t a_rows = 2, a_columns = 4, b_rows = 4, b_columns = 3, c_rows = 2, c_columns = 3,
                d_rows = 2, d_columns = 3;
  std::int64_t a_leading = 2, b_leading = 4, c_leading = 2, d_leading = 2;
  std::int32_t a_batches = 1, b_batches = 1, c_batches = 1, d_batches = 1;
  std::int64_t a_offset = 0, b_offset = 0, c_offset = 0, d_offset = 0;
  cublasOperation_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cudaDataType_t scale = CUDA_R_32F;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  std::uint32_t alignment = 256;
  std::uint64_t most_workspace = 1 << 20;
  std::int64_t workspace_missing = 0;  // bytes less than the algorithm asks for
  float one = 1, beta = 0;

  // By default small whole numbers, in arrays of just the size.
  CudaArray<float> a{std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}};
  CudaArray<float> b{std::vector<float>{1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 1}};
  CudaArray<float> c{std::vector<float>{10, 20, 30, 40, 50, 60}};
  CudaArray<float> bias{std::vector<float>{100, 200}};
  CudaArray<float> d{6};
  CudaArray<float> workspace{4096};
  const void* a_data = a.data();
  const void* b_data = b.data();
  const void* c_data = c.data();
  const void* bias_data = bias.data();
  void* d_data = d.data();
  void* workspace_data = workspace.data();
  const void* alpha = &one;
  cudaStream_t stream = nullptr;
  cublasLtHandle_t handle = nullptr;
  // Called between the choice of the algorithm and the product.
  std::function<void(Product&)> before_run;

  Product() {
    EXPECT_EQ(cublasLtCreate(&handle), CUBLAS_STATUS_SUCCESS);
    created = handle;
  }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;
  ~Product() { cublasLtDestroy(created); }

  // The status of the first call that fails, or of the product. Runs it.
  cublasStatus_t run() {
    cublasLtMatrixLayout_t layouts[4];
    cublasLtMatrixLayoutCreate(&layouts[0], a_type, a_rows, a_columns, a_leading);
    cublasLtMatrixLayoutCreate(&layouts[1], b_type, b_rows, b_columns, b_leading);
    cublasLtMatrixLayoutCreate(&layouts[2], c_type, c_rows, c_columns, c_leading);
    cublasLtMatrixLayoutCreate(&layouts[3], d_type, d_rows, d_columns, d_leading);
    const auto batch = [](cublasLtMatrixLayout_t layout, std::int32_t count, std::int64_t offset) {
      EXPECT_EQ(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                                 sizeof count),
                CUBLAS_STATUS_SUCCESS);
      EXPECT_EQ(cublasLtMatrixLayoutSetAttribute(
                    layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &offset, sizeof offset),
                CUBLAS_STATUS_SUCCESS);
    };
    batch(layouts[0], a_batches, a_offset);
    batch(layouts[1], b_batches, b_offset);
    batch(layouts[2], c_batches, c_offset);
    batch(layouts[3], d_batches, d_offset);
    cublasLtMatmulDesc_t desc;
    cublasLtMatmulDescCreate(&desc, compute, scale);
    const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
      EXPECT_EQ(cublasLtMatmulDescSetAttribute(desc, attribute, &value, sizeof value),
                CUBLAS_STATUS_SUCCESS);
    };
    set(CUBLASLT_MATMUL_DESC_TRANSA, transpose_a);
    set(CUBLASLT_MATMUL_DESC_TRANSB, transpose_b);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias_data);
    cublasLtMatmulPreference_t preference;
    cublasLtMatmulPreferenceCreate(&preference);
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
      EXPECT_EQ(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value),
                CUBLAS_STATUS_SUCCESS);
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_workspace);
    for (const auto attribute :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
      prefer(attribute, alignment);
    }
    cublasLtMatmulHeuristicResult_t best{};
    int found = 0;
    cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        handle, desc, layouts[0], layouts[1], layouts[2], layouts[3], preference, 1, &best, &found);
    if (status == CUBLAS_STATUS_SUCCESS) {
      EXPECT_EQ(found, 1);
      chosen_workspace = best.workspaceSize;
      if (before_run) before_run(*this);
      if (transpose_a_afterwards) set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
      if (moves_batches_afterwards) batch(layouts[0], a_batches, a_offset + 1);
      status = cublasLtMatmul(
          handle, desc, alpha, a_data, layouts[0], b_data, layouts[1], &beta, c_data, layouts[2],
          d_data, layouts[3], no_algorithm ? nullptr : &best.algo, workspace_data,
          static_cast<std::size_t>(static_cast<std::int64_t>(chosen_workspace) - workspace_missing),
          stream);
    }
    for (cublasLtMatrixLayout_t layout : layouts) cublasLtMatrixLayoutDestroy(layout);
    cublasLtMatmulDescDestroy(desc);
    cublasLtMatmulPreferenceDestroy(preference);
    cudaDeviceSynchronize();
    return status;
  }

  std::size_t chosen_workspace = 0;
  bool transpose_a_afterwards = false, moves_batches_afterwards = false, no_algorithm = false;
  cublasLtHandle_t created;
};

TEST(CublasLt, MultipliesColumnMajorMatrices) {
  Product p;
  EXPECT_EQ(p.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_THAT(p.d.values(), ElementsAre(1, 2, 3, 4, 16, 20));
  EXPECT_THAT(take_faults(), IsEmpty());
}

TEST(CublasLt, AddsCAndBias) {
  Product p;
  p.beta = 2;
  p.epilogue = CUBLASLT_EPILOGUE_BIAS;
  EXPECT_EQ(p.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_THAT(p.d.values(), ElementsAre(121, 242, 163, 284, 216, 340));
  EXPECT_THAT(take_faults(), IsEmpty());
}

// The sums over k of A as it is multiplied, whatever beta is; the vector is only written.
TEST(CublasLt, SumsAForABiasGradient) {
  Product p;
  CudaArray<float> gradient(3);
  p.beta = 2;
  p.epilogue = CUBLASLT_EPILOGUE_BGRADA;
  p.bias_data = gradient.data();
  EXPECT_EQ(p.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_THAT(p.d.values(), ElementsAre(21, 42, 63, 84, 116, 140));
  EXPECT_EQ(gradient.values()[0], 1 + 3 + 5 + 7);
  EXPECT_EQ(gradient.values()[1], 2 + 4 + 6 + 8);
  EXPECT_TRUE(gradient.values()[2] != gradient.values()[2]) << "past the end";

  Product q;
  q.transpose_a = CUBLAS_OP_T;
  q.a_rows = q.a_leading = 4, q.a_columns = 2;
  q.epilogue = CUBLASLT_EPILOGUE_BGRADA;
  q.bias_data = gradient.data();
  EXPECT_EQ(q.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(gradient.values()[0], 1 + 2 + 3 + 4);
  EXPECT_EQ(gradient.values()[1], 5 + 6 + 7 + 8);

  Product r;
  CudaArray<float> factors(std::vector<float>(8, 1 + 0x1p-11F));
  r.a_data = factors.data();
  r.compute = CUBLAS_COMPUTE_32F_FAST_TF32;
  r.epilogue = CUBLASLT_EPILOGUE_BGRADA;
  EXPECT_EQ(r.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(r.bias.values()[0], 4 + 0x1p-8F) << "TF32";
  EXPECT_THAT(take_faults(), IsEmpty());
}

TEST(CublasLt, CanBeWithoutBiasGradients) {
  set_bias_gradients(false);
  Product p;
  p.epilogue = CUBLASLT_EPILOGUE_BGRADA;
  EXPECT_EQ(p.run(), CUBLAS_STATUS_NOT_SUPPORTED);
  p.epilogue = CUBLASLT_EPILOGUE_BIAS;
  EXPECT_EQ(p.run(), CUBLAS_STATUS_SUCCESS);
  set_bias_gradients(true);
  EXPECT_THAT(take_faults(), IsEmpty());
}

// C is not read where beta is 0: here it is nowhere. What D held, NaN, is not read either.
TEST(CublasLt, LeavesCAloneWithoutBeta) {
  Product p;
  p.c_data = nullptr;
  EXPECT_EQ(p.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_THAT(take_faults(), IsEmpty());
}

TEST(CublasLt, TransposesFactors) {
  Product p;
  p.transpose_a = p.transpose_b = CUBLAS_OP_T;
  p.a_rows = p.a_leading = 4, p.a_columns = 2;
  p.b_rows = p.b_leading = 3, p.b_columns = 4;
  EXPECT_EQ(p.run(), CUBLAS_STATUS_SUCCESS);
  // Aᵀ = (1 2 3 4; 5 6 7 8), Bᵀ = (1 0 0; 0 0 1; 0 0 1; 1 1 1)
  EXPECT_THAT(p.d.values(), ElementsAre(5, 13, 4, 8, 9, 21));
  EXPECT_THAT(take_faults(), IsEmpty());
}

// A leading dimension above the number of rows steps over what lies between columns: C's and D's
// third elements are not touched.
TEST(CublasLt, StepsByTheLeadingDimension) {
  Product p;
  CudaArray<float> d(std::vector<float>(9, -1));
  p.d_data = d.data();
  p.d_leading = 3;
  EXPECT_EQ(p.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_THAT(d.values(), ElementsAre(1, 2, -1, 3, 4, -1, 16, 20, -1));
  EXPECT_THAT(take_faults(), IsEmpty());
}

TEST(CublasLt, RoundsBfloat16AndTf32) {
  Product p;
  const std::vector<bfloat16> a(8, bfloat16(1.0F)), b(12, bfloat16(3.0F)), bias(2, bfloat16(0.1F));
  CudaArray<bfloat16> a16(a), b16(b), bias16(bias), d16(6);
  p.a_type = p.b_type = p.c_type = p.d_type = CUDA_R_16BF;
  p.a_data = a16.data(), p.b_data = b16.data(), p.bias_data = bias16.data(), p.d_data = d16.data();
  p.epilogue = CUBLASLT_EPILOGUE_BIAS;
  EXPECT_EQ(p.run(), CUBLAS_STATUS_SUCCESS);
  // 12 + 0.1001 lies between 12.0625 and 12.125.
  EXPECT_EQ(static_cast<float>(d16.values()[5]), 12.125F);

  Product q;
  CudaArray<float> factors(std::vector<float>(8, 1 + 0x1p-11F));
  q.a_data = factors.data();
  q.compute = CUBLAS_COMPUTE_32F_FAST_TF32;
  EXPECT_EQ(q.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(q.d.values()[0], 1 + 0x1p-10F);
  EXPECT_THAT(take_faults(), IsEmpty());
}

// Long dot products need a workspace, and leave garbage in it.
TEST(CublasLt, UsesItsWorkspace) {
  CudaArray<float> a(std::vector<float>(2 * 64, 1)), b(std::vector<float>(64 * 3, 1));
  Product p;
  p.a_columns = p.b_rows = 64, p.b_leading = 64;
  p.a_data = a.data(), p.b_data = b.data();
  EXPECT_EQ(p.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(p.chosen_workspace, 2U * 2 * 3 * sizeof(float));
  EXPECT_EQ(p.d.values(), std::vector<float>(6, 64));
  EXPECT_TRUE(p.workspace.values()[11] != p.workspace.values()[11]);

  Product without;
  without.a_columns = without.b_rows = 64, without.b_leading = 64;
  without.a_data = a.data(), without.b_data = b.data();
  without.most_workspace = 47;
  EXPECT_EQ(without.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(without.chosen_workspace, 0U);
  EXPECT_THAT(take_faults(), IsEmpty());
}

// D of two batches: the same A, two halves of B, and a bias for both.
TEST(CublasLt, MultipliesBatches) {
  Product p;
  CudaArray<float> b(std::vector<float>{1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 1,  //
                                        0, 0, 1, 0, 0, 0, 0, 2, 1, 0, 0, 1}),
      d(12);
  p.a_batches = p.b_batches = p.c_batches = p.d_batches = 2;
  p.b_offset = 12, p.c_offset = p.d_offset = 6;
  p.b_data = b.data(), p.d_data = d.data();
  p.epilogue = CUBLASLT_EPILOGUE_BIAS;
  EXPECT_EQ(p.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_THAT(d.values(), ElementsAre(101, 202, 103, 204, 116, 220, 105, 206, 114, 216, 108, 210));
  EXPECT_THAT(take_faults(), IsEmpty());
}

// Heads side by side: the columns of one batch's D lie between those of the other's; C is added.
TEST(CublasLt, PutsBatchesBetweenEachOther) {
  Product p;
  CudaArray<float> d(std::vector<float>(12, 1));
  p.a_batches = p.b_batches = p.c_batches = p.d_batches = 2;
  p.c_leading = p.d_leading = 4, p.c_offset = p.d_offset = 2;
  p.c_data = p.d_data = d.data();
  p.beta = 10;
  EXPECT_EQ(p.run(), CUBLAS_STATUS_SUCCESS);
  EXPECT_THAT(d.values(), ElementsAre(11, 12, 11, 12, 13, 14, 13, 14, 26, 30, 26, 30));
  EXPECT_THAT(take_faults(), IsEmpty());
}

struct CublasLtMistake {
  std::function<void(Product&)> make;
  cublasStatus_t status;
  std::string fault;
};

TEST(CublasLt, RefusesWrongArguments) {
  float on_host[16] = {};
  const CudaArray<float> shared(std::vector<float>(9)), roomy(std::vector<float>(12));
  const auto two_batches = [](Product& p, std::int64_t b_offset, std::int64_t d_offset) {
    p.a_batches = p.b_batches = p.c_batches = p.d_batches = 2;
    p.b_offset = b_offset, p.d_offset = d_offset;
  };
  const std::vector<CublasLtMistake> mistakes{
      // Of the layouts.
      {[](Product& p) { p.a_leading = 1; }, CUBLAS_STATUS_INVALID_VALUE,
       "cublasLtMatmulAlgoGetHeuristic: leading dimension of A is 1, less than its 2 rows (it is "
       "2 x 4, column major), called at "},
      {[](Product& p) { p.b_leading = 3; }, CUBLAS_STATUS_INVALID_VALUE,
       "leading dimension of B is 3, less than its 4 rows"},
      {[](Product& p) { p.d_leading = -2; }, CUBLAS_STATUS_INVALID_VALUE,
       "leading dimension of D is -2, less than its 2 rows"},
      {[](Product& p) { p.b_rows = p.b_leading = 5; }, CUBLAS_STATUS_INVALID_VALUE,
       "op(A) is 2 x 4, op(B) is 5 x 3, D is 2 x 3"},
      {[](Product& p) { p.transpose_a = CUBLAS_OP_T; }, CUBLAS_STATUS_INVALID_VALUE,
       "op(A) is 4 x 2, op(B) is 4 x 3, D is 2 x 3"},
      {[](Product& p) { p.c_columns = 2; }, CUBLAS_STATUS_INVALID_VALUE, "C is 2 x 2, D is 2 x 3"},
      {[](Product& p) { p.a_columns = 0; }, CUBLAS_STATUS_INVALID_VALUE, "A is 2 x 0"},
      // Of the types.
      {[](Product& p) { p.b_type = CUDA_R_16BF; }, CUBLAS_STATUS_NOT_SUPPORTED,
       "types 0, 14, 0, 0 of A, B, C, D with compute type 68 and scale type 0"},
      {[](Product& p) { p.c_type = p.d_type = CUDA_R_16BF; }, CUBLAS_STATUS_NOT_SUPPORTED,
       "types 0, 0, 14, 14 of A, B, C, D"},
      {[](Product& p) { p.compute = CUBLAS_COMPUTE_64F; }, CUBLAS_STATUS_NOT_SUPPORTED,
       "compute type 70"},
      {[](Product& p) {
         p.a_type = p.b_type = CUDA_R_16BF;
         p.compute = CUBLAS_COMPUTE_32F_FAST_TF32;
       },
       CUBLAS_STATUS_NOT_SUPPORTED, "compute type 77"},
      {[](Product& p) { p.scale = CUDA_R_64F; }, CUBLAS_STATUS_NOT_SUPPORTED, "scale type 1"},
      {[](Product& p) { p.epilogue = CUBLASLT_EPILOGUE_BGRADB; }, CUBLAS_STATUS_NOT_SUPPORTED,
       "epilogue 512 is not emulated"},
      // Of what the product is given.
      {[](Product& p) { p.a_data = nullptr; }, CUBLAS_STATUS_INVALID_VALUE,
       "cublasLtMatmul: A is null"},
      {[&](Product& p) {
         p.b_data = on_host;
         p.alignment = 4;
       },
       CUBLAS_STATUS_INVALID_VALUE, "is not device memory of 48 bytes"},
      {[](Product& p) {
         p.a_data = p.a.data() + 1;
         p.alignment = 4;
       },
       CUBLAS_STATUS_INVALID_VALUE, "is not device memory of 32 bytes"},
      {[](Product& p) { p.c_data = p.c.data() + 1, p.beta = 1; }, CUBLAS_STATUS_INVALID_VALUE,
       "is not aligned to 256 bytes"},
      {[](Product& p) { p.alpha = p.a.data(); }, CUBLAS_STATUS_INVALID_VALUE,
       "is device memory, a host pointer is expected"},
      {[](Product& p) { p.epilogue = CUBLASLT_EPILOGUE_BIAS, p.bias_data = nullptr; },
       CUBLAS_STATUS_INVALID_VALUE, "bias is null"},
      {[](Product& p) { p.epilogue = CUBLASLT_EPILOGUE_BGRADA, p.bias_data = nullptr; },
       CUBLAS_STATUS_INVALID_VALUE, "bias gradient is null"},
      {[](Product& p) { p.epilogue = CUBLASLT_EPILOGUE_BGRADA, p.bias_data = p.a.data(); },
       CUBLAS_STATUS_INVALID_VALUE, "the bias gradient overlaps a matrix"},
      {[](Product& p) { p.epilogue = CUBLASLT_EPILOGUE_BGRADA, p.bias_data = p.d.data() + 4; },
       CUBLAS_STATUS_INVALID_VALUE, "the bias gradient overlaps a matrix"},
      {[](Product& p) { p.epilogue = CUBLASLT_EPILOGUE_BGRADA, p.one = 2; },
       CUBLAS_STATUS_NOT_SUPPORTED, "alpha is 2"},
      {[](Product& p) { p.d_data = p.a.data(); }, CUBLAS_STATUS_INVALID_VALUE,
       "D overlaps a factor"},
      {[&](Product& p) {
         p.c_data = p.d_data = shared.data();
         p.c_leading = 3;
         p.beta = 1;
       },
       CUBLAS_STATUS_INVALID_VALUE, "D overlaps C, but is not the same matrix"},
      // Of batches.
      {[](Product& p) { p.a_batches = 2; }, CUBLAS_STATUS_INVALID_VALUE,
       "A has 2 batches, D has 1"},
      {[](Product& p) { p.b_batches = 3; }, CUBLAS_STATUS_INVALID_VALUE,
       "B has 3 batches, D has 1"},
      {[](Product& p) { p.c_batches = 2; }, CUBLAS_STATUS_INVALID_VALUE,
       "C has 2 batches, D has 1"},
      {[](Product& p) { p.d_batches = 0; }, CUBLAS_STATUS_INVALID_VALUE, "D has 0 batches"},
      {[](Product& p) { p.a_offset = -1; }, CUBLAS_STATUS_NOT_SUPPORTED,
       "batches of A lie -1 elements apart, which is not emulated"},
      {[&](Product& p) {
         two_batches(p, 0, 6);
         p.epilogue = CUBLASLT_EPILOGUE_BGRADA;
       },
       CUBLAS_STATUS_NOT_SUPPORTED, "bias gradients of several batches are not emulated"},
      {[&](Product& p) { two_batches(p, 6, 0); }, CUBLAS_STATUS_INVALID_VALUE,
       "batches of D, 2 x 3 with leading dimension 2, overlap: they lie 0 elements apart"},
      {[&](Product& p) { two_batches(p, 6, 5); }, CUBLAS_STATUS_INVALID_VALUE,
       "overlap: they lie 5 elements apart"},
      {[&](Product& p) {
         two_batches(p, 6, 1);  // the second row of one is the first of the other
         p.d_leading = 4;
       },
       CUBLAS_STATUS_INVALID_VALUE, "overlap: they lie 1 elements apart"},
      {[&](Product& p) {
         two_batches(p, 6, 3);  // its second row is the next column's first
         p.d_leading = 4;
       },
       CUBLAS_STATUS_INVALID_VALUE, "overlap: they lie 3 elements apart"},
      {[&](Product& p) { two_batches(p, 4, 6); }, CUBLAS_STATUS_INVALID_VALUE,
       "is not device memory of 64 bytes"},  // of B, whose second batch ends beyond it
      {[&](Product& p) { two_batches(p, 0, 6); }, CUBLAS_STATUS_INVALID_VALUE,
       "is not device memory of 48 bytes"},  // of D
      {[&](Product& p) {
         two_batches(p, 0, 2);
         p.c_data = p.d_data = roomy.data();
         p.c_leading = p.d_leading = 4;
         p.beta = 1;
       },
       CUBLAS_STATUS_INVALID_VALUE, "D overlaps C, but is not the same matrix"},
      {[](Product& p) { p.moves_batches_afterwards = true; }, CUBLAS_STATUS_INVALID_VALUE,
       "algo was chosen for another problem than the descriptors say"},
      {[](Product& p) { p.no_algorithm = true; }, CUBLAS_STATUS_NOT_SUPPORTED, "algo is null"},
      {[](Product& p) {
         p.a_rows = p.a_columns = p.a_leading = 2;
         p.b_rows = p.b_leading = 2;
         p.transpose_a_afterwards = true;
       },
       CUBLAS_STATUS_INVALID_VALUE, "algo was chosen for another problem than the descriptors say"},
      {[](Product& p) { p.handle = nullptr; }, CUBLAS_STATUS_NOT_INITIALIZED,
       "the handle was not created"},
  };
  for (const CublasLtMistake& mistake : mistakes) {
    SCOPED_TRACE(mistake.fault);
    Product p;
    mistake.make(p);
    EXPECT_EQ(p.run(), mistake.status);
    const std::vector<std::string> faults = take_faults();
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_THAT(faults[0], HasSubstr(mistake.fault));
    EXPECT_THAT(faults[0], HasSubstr("cublaslt_test.cpp:"));
  }
}

TEST(CublasLt, RefusesAWorkspaceThatIsTooSmallOrMisaligned) {
  CudaArray<float> a(std::vector<float>(2 * 64, 1)), b(std::vector<float>(64 * 3, 1));
  for (const bool small : {true, false}) {
    Product p;
    p.a_columns = p.b_rows = 64, p.b_leading = 64;
    p.a_data = a.data(), p.b_data = b.data();
    if (small) {
      p.workspace_missing = 1;
    } else {
      p.workspace_data = p.workspace.data() + 1;
    }
    EXPECT_EQ(p.run(), CUBLAS_STATUS_INVALID_VALUE);
    const std::vector<std::string> faults = take_faults();
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_THAT(faults[0], HasSubstr(small ? "the workspace has 47 bytes, algo needs 48"
                                           : "is not aligned to 16 bytes"));
  }
}

// A leading dimension that is too large is not wrong in itself: it reaches past the end.
TEST(CublasLt, FindsALeadingDimensionThatReachesPastTheEnd) {
  Product p;
  p.a_leading = 3;
  EXPECT_EQ(p.run(), CUBLAS_STATUS_INVALID_VALUE);
  const std::vector<std::string> faults = take_faults();
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_THAT(faults[0], HasSubstr("cublasLtMatmul: A ("));
  EXPECT_THAT(faults[0], HasSubstr("is not device memory of 44 bytes"));
}

TEST(CublasLt, FindsFactorsThatWereNeverWritten) {
  if (!checks_accesses()) GTEST_SKIP() << "these kernels are not compiled for the checker";
  Product p;
  CudaArray<float> unwritten(8);
  p.a_data = unwritten.data();
  p.run();
  const std::vector<std::string> faults = take_faults();
  ASSERT_FALSE(faults.empty());
  EXPECT_THAT(faults[0], HasSubstr("cublasLtMatmul"));
}

TEST(CublasLt, RefusesAttributesOfAnotherSize) {
  cublasLtMatmulDesc_t desc;
  cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F);
  const std::int64_t transpose = CUBLAS_OP_T;
  EXPECT_EQ(cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_TRANSA, &transpose, 8),
            CUBLAS_STATUS_INVALID_VALUE);
  cublasLtMatmulDescDestroy(desc);
  EXPECT_EQ(cublasLtMatmulDescDestroy(desc), CUBLAS_STATUS_INVALID_VALUE);
  cublasLtMatrixLayout_t layout;
  cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, 2, 2, 2);
  const std::int64_t batches = 2;
  const auto set = [&](cublasLtMatrixLayoutAttribute_t attribute) {
    return cublasLtMatrixLayoutSetAttribute(layout, attribute, &batches, 8);
  };
  EXPECT_EQ(set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(set(CUBLASLT_MATRIX_LAYOUT_ORDER), CUBLAS_STATUS_INVALID_VALUE);
  cublasLtMatrixLayoutDestroy(layout);
  EXPECT_EQ(set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT), CUBLAS_STATUS_INVALID_VALUE);
  const std::vector<std::string> faults = take_faults();
  ASSERT_EQ(faults.size(), 5U);
  EXPECT_THAT(faults[0], HasSubstr("cublasLtMatmulDescSetAttribute: attribute 3 has 4 bytes, 8 "
                                   "were given"));
  EXPECT_THAT(faults[1], HasSubstr("the matmul descriptor was not created"));
  EXPECT_THAT(faults[2], HasSubstr("cublasLtMatrixLayoutSetAttribute: attribute 5 has 4 bytes, 8 "
                                   "were given"));
  EXPECT_THAT(faults[3], HasSubstr("attribute 1 is not emulated"));
  EXPECT_THAT(faults[4], HasSubstr("the layout was not created"));
}

TEST(CublasLt, DoesBfloat16OnlyWhereTheDeviceDoes) {
  Product p;
  p.a_type = p.b_type = p.c_type = p.d_type = CUDA_R_16BF;
  set_compute_capability(75);
  EXPECT_EQ(p.run(), CUBLAS_STATUS_ARCH_MISMATCH);
  set_compute_capability(80);
  EXPECT_THAT(take_faults(), ElementsAre(HasSubstr("bfloat16 needs compute capability 8.0")));
}

TEST(CublasLt, NamesWhatIsNotGivenBack) {
  cublasLtMatrixLayout_t layout;
  cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, 2, 2, 2);
  EXPECT_THAT(leaks(), ::testing::Contains("leak: a cuBLASLt matrix layout"));
  cublasLtMatrixLayoutDestroy(layout);
  EXPECT_THAT(leaks(), ::testing::Not(::testing::Contains("leak: a cuBLASLt matrix layout")));
}

}  // namespace
}  // namespace ekgine::emulation
