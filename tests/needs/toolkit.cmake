# cmake [-D...] -P tests/needs/toolkit.cmake: says which CUDA Toolkit is chosen, or why none is.
include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/EkgineCudaToolkit.cmake)
ekgine_cuda_toolkit()
message("chosen: ${CUDAToolkit_ROOT}")
