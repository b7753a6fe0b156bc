# The CUDA back end, as EKGINE_CUDA says: how .cu files are compiled and what stands for the CUDA
# libraries. Defines ekgine_cuda(TARGET), which a room with .cu files calls.
#
#   NVCC      .cu is CUDA: nvcc, the CUDA libraries, a GPU to run on.
#   EMULATED  .cu is C++: g++, with its thread instrumentation calling the checker of
#             tests/emulation, which also stands in for the CUDA libraries. Only CUDA's headers are
#             needed.
find_package(CUDAToolkit REQUIRED)

if(EKGINE_CUDA STREQUAL "NVCC")
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  set(CMAKE_CUDA_EXTENSIONS OFF)
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90-real 100-real 120)
  endif()
  enable_language(CUDA)
  find_path(CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS} REQUIRED)
  find_library(CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR} REQUIRED)

  function(ekgine_cuda target)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/kernels/device/nvcc)
    target_include_directories(${target} SYSTEM PUBLIC ${CUDAToolkit_INCLUDE_DIRS} ${CUDNN_INCLUDE_DIR})
    target_link_libraries(${target} PUBLIC CUDA::cudart CUDA::cublasLt CUDA::cufft ${CUDNN_LIBRARY})
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:
      --expt-relaxed-constexpr -Xptxas=-warn-spills,-warn-lmem-usage,-Werror -Werror=all-warnings>)
  endfunction()
elseif(EKGINE_CUDA STREQUAL "EMULATED")
  find_path(CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS} REQUIRED)
  find_package(Boost REQUIRED COMPONENTS context)
  find_library(DW_LIBRARY dw REQUIRED)

  file(GLOB emulation_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/emulation/*.cpp)
  list(FILTER emulation_sources EXCLUDE REGEX "_test\\.cpp$")
  add_library(ekgine_emulation OBJECT ${emulation_sources})
  target_link_libraries(ekgine_emulation PUBLIC ekgine_options Boost::context ${DW_LIBRARY} fmt::fmt)
  target_include_directories(ekgine_emulation SYSTEM PUBLIC ${CUDAToolkit_INCLUDE_DIRS} ${CUDNN_INCLUDE_DIR})

  set(EKGINE_EMULATED_FLAGS
    # 16-byte accesses stay whole and the accesses of the source stay in the code.
    -x c++ -O1 -fno-tree-sra -g1 -fsanitize=thread --param=tsan-instrument-func-entry-exit=0
    -Wno-unknown-pragmas)

  # Compiles the target's .cu files for the emulated device and links it.
  function(ekgine_cuda target)
    get_target_property(sources ${target} SOURCES)
    list(FILTER sources INCLUDE REGEX "\\.cu$")
    set_source_files_properties(${sources} PROPERTIES LANGUAGE CXX
      COMPILE_OPTIONS "${EKGINE_EMULATED_FLAGS}"
      INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR}/tests/emulation/include)
    target_include_directories(${target} SYSTEM PUBLIC ${CUDAToolkit_INCLUDE_DIRS} ${CUDNN_INCLUDE_DIR})
    target_link_libraries(${target} PUBLIC ekgine_emulation)
    target_sources(${target} INTERFACE $<TARGET_OBJECTS:ekgine_emulation>)
  endfunction()
else()
  message(FATAL_ERROR "EKGINE_CUDA is ${EKGINE_CUDA}, expected OFF, NVCC or EMULATED")
endif()
