# The CUDA back end, as EKGINE_CUDA says: how .cu files are compiled and what stands for the CUDA
# libraries. Defines ekgine_cuda(TARGET), which a room with .cu files calls.
#
#   NVCC      .cu is CUDA: nvcc, the CUDA libraries, a GPU to run on.
#   EMULATED  .cu is C++: g++, with its thread instrumentation calling the checker of emulation/,
#             which also stands in for the CUDA libraries. Only CUDA's headers are needed.
#             With EKGINE_SANITIZE, those sanitizers take the checker's place.

include(EkgineCudaToolkit)
ekgine_cuda_toolkit()
find_package(CUDAToolkit QUIET)
if(NOT CUDAToolkit_FOUND)
  ekgine_need_of_cuda("the CUDA Toolkit is missing" cuda-toolkit cuda-toolkit ${EKGINE_CUDA_WHEELS})
elseif(CUDAToolkit_VERSION VERSION_LESS 12.4)
  ekgine_need_of_cuda("the CUDA Toolkit ${CUDAToolkit_VERSION} is too old, expected 12.4 or later"
    cuda-toolkit cuda-toolkit ${EKGINE_CUDA_WHEELS})
endif()
set(cuda_major ${CUDAToolkit_VERSION_MAJOR})
set(cudnn_packages cudnn9-cuda-${cuda_major} cudnn nvidia-cudnn-cu${cuda_major})
# Where it is not beside the toolkit, CUDNN_PATH in the environment says where, or pip has it for the
# active Python: as a package for CUDA 12 or 13, with the library but not the link that others make.
ekgine_python_packages(packages)
function(ekgine_wheels library out)
  set(wheels "")
  foreach(folder IN LISTS packages)
    file(GLOB wheel ${folder}/nvidia_${library}_cu${cuda_major}-*)
    if(wheel)
      list(APPEND wheels ${folder}/nvidia/${library})
    endif()
  endforeach()
  set(${out} "${wheels}" PARENT_SCOPE)
endfunction()
ekgine_wheels(cudnn cudnn_wheels)
find_path(CUDNN_INCLUDE_DIR cudnn.h
  HINTS ENV CUDNN_PATH ${CUDAToolkit_INCLUDE_DIRS} ${cudnn_wheels} PATH_SUFFIXES include)
set(cudnn_version "")
if(EXISTS "${CUDNN_INCLUDE_DIR}/cudnn_version.h")
  file(STRINGS "${CUDNN_INCLUDE_DIR}/cudnn_version.h" cudnn_version REGEX "^#define CUDNN_MAJOR [0-9]+")
  string(REGEX REPLACE "[^0-9]" "" cudnn_version "${cudnn_version}")
endif()
if(cudnn_version STREQUAL "")
  ekgine_need_of_cuda("cuDNN is missing beside the CUDA Toolkit" ${cudnn_packages})
elseif(cudnn_version LESS 9)
  ekgine_need_of_cuda("cuDNN ${cudnn_version} is too old, expected 9 or later" ${cudnn_packages})
endif()

# NCCL, by which several GPUs train one model, is looked for in the same places, and may be missing.
ekgine_wheels(nccl nccl_wheels)
find_path(NCCL_INCLUDE_DIR nccl.h
  HINTS ENV NCCL_PATH ${CUDAToolkit_INCLUDE_DIRS} ${nccl_wheels} PATH_SUFFIXES include)
set(EKGINE_NCCL OFF)
if(NCCL_INCLUDE_DIR)
  set(EKGINE_NCCL ON)
endif()
# Tells the target's files whether it is there.
function(ekgine_nccl target)
  target_compile_definitions(${target} PRIVATE EKGINE_HAS_NCCL=$<BOOL:${EKGINE_NCCL}>)
  if(EKGINE_NCCL)
    target_include_directories(${target} SYSTEM PRIVATE ${NCCL_INCLUDE_DIR})
  endif()
endfunction()

if(EKGINE_CUDA STREQUAL "NVCC")
  if(NOT CUDAToolkit_NVCC_EXECUTABLE)
    ekgine_need_of_cuda("nvcc is missing" cuda-toolkit cuda-nvcc ${EKGINE_CUDA_WHEELS})
  endif()
  foreach(library cudart cublasLt cufft)
    if(NOT TARGET CUDA::${library})
      ekgine_need_of_cuda("lib${library} is missing in the CUDA Toolkit in ${CUDAToolkit_BIN_DIR}"
        cuda-toolkit cuda-toolkit ${EKGINE_CUDA_WHEELS})
    endif()
    ekgine_unlink_wheel(CUDA::${library})
  endforeach()
  if(NOT CMAKE_CUDA_COMPILER)
    set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
  endif()
  # The runtime that the host code links, too: two in one program would not know of each other.
  set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90-real 100-real 120)
    if(CUDAToolkit_VERSION VERSION_LESS 12.8)  # which does not know Blackwell
      set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90)
    endif()
  endif()
  enable_language(CUDA)
  # CMake 3.25 does not know that nvcc has C++20.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_EXTENSIONS OFF)
  find_library(CUDNN_LIBRARY NAMES cudnn libcudnn.so.9
    HINTS ENV CUDNN_PATH ${CUDAToolkit_LIBRARY_DIR} ${cudnn_wheels} PATH_SUFFIXES lib lib64)
  if(NOT CUDNN_LIBRARY)
    ekgine_need_of_cuda("the library of cuDNN is missing, though its header is in ${CUDNN_INCLUDE_DIR}"
      ${cudnn_packages})
  endif()
  find_library(NCCL_LIBRARY NAMES nccl libnccl.so.2
    HINTS ENV NCCL_PATH ${CUDAToolkit_LIBRARY_DIR} ${nccl_wheels} PATH_SUFFIXES lib lib64)
  if(EKGINE_NCCL AND NCCL_LIBRARY)
    set(nccl "NCCL in ${NCCL_INCLUDE_DIR}")
  else()
    set(EKGINE_NCCL OFF)
    set(NCCL_LIBRARY "")
    set(nccl "no NCCL: several GPUs do not train one model (libnccl-dev, nvidia-nccl-cu${cuda_major})")
  endif()
  message(STATUS
    "CUDA ${CUDAToolkit_VERSION} in ${CUDAToolkit_BIN_DIR}, cuDNN ${cudnn_version} in ${CUDNN_INCLUDE_DIR}, ${nccl}, for ${CMAKE_CUDA_ARCHITECTURES}")

  set(EKGINE_NVCC_FLAGS --expt-relaxed-constexpr -Werror=all-warnings
    -Xptxas=-warn-spills,-warn-lmem-usage,-Werror
    --no-compress)  # ekgine_kernel_resources reads the cubins in object files

  # Compiles the target's .cu files for the GPUs of CMAKE_CUDA_ARCHITECTURES and links CUDA.
  function(ekgine_cuda target)
    target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/kernels/device/nvcc)
    target_include_directories(${target} SYSTEM PUBLIC ${CUDAToolkit_INCLUDE_DIRS} ${CUDNN_INCLUDE_DIR})
    target_link_libraries(${target} PUBLIC CUDA::cudart CUDA::cublasLt CUDA::cufft ${CUDNN_LIBRARY})
    ekgine_nccl(${target})
    target_link_libraries(${target} PUBLIC ${NCCL_LIBRARY})
    # fmt 9 takes nvcc for a compiler that has consteval but no constexpr functions.
    target_compile_definitions(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:FMT_USE_CONSTEXPR=1>)
    list(JOIN EKGINE_WARNINGS "," host_warnings)
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:${EKGINE_NVCC_FLAGS}>"
      "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=${OpenMP_CXX_FLAGS},${host_warnings}>")
  endfunction()
elseif(EKGINE_CUDA STREQUAL "EMULATED")
  ekgine_package(Boost "" "Boost.Context" libboost-context-dev libboost-devel COMPONENTS context)
  find_library(DW_LIBRARY dw)
  if(NOT DW_LIBRARY)
    ekgine_need("libdw is missing" libdw-dev elfutils)
  endif()

  file(GLOB emulation_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/emulation/*.cpp)
  if(NOT EKGINE_NCCL)
    list(FILTER emulation_sources EXCLUDE REGEX "/nccl[^/]*\\.cpp$")
  endif()
  add_library(ekgine_emulation OBJECT ${emulation_sources})
  # Reports name lines of host code by debug information.
  target_compile_options(ekgine_emulation PRIVATE -O2 -g1)
  ekgine_include_root(ekgine_emulation PUBLIC emulation)
  set_property(GLOBAL APPEND PROPERTY EKGINE_ROOMS "emulation=")
  target_link_libraries(ekgine_emulation PUBLIC ekgine_options Boost::context ${DW_LIBRARY} fmt::fmt)
  target_include_directories(ekgine_emulation SYSTEM PUBLIC ${CUDAToolkit_INCLUDE_DIRS} ${CUDNN_INCLUDE_DIR})
  ekgine_nccl(ekgine_emulation)

  set(EKGINE_EMULATED_FLAGS -x c++ -O1 -g1 -Wno-unknown-pragmas)
  if(NOT EKGINE_SANITIZE)  # with other sanitizers kernels run under those, without the checker
    list(APPEND EKGINE_EMULATED_FLAGS
      # 16-byte accesses stay whole and the accesses of the source stay in the code.
      -fno-tree-sra -fsanitize=thread --param=tsan-instrument-func-entry-exit=0)
  endif()

  # Compiles the target's .cu files for the emulated device and links it.
  function(ekgine_cuda target)
    get_target_property(sources ${target} SOURCES)
    list(FILTER sources INCLUDE REGEX "\\.cu$")
    set_source_files_properties(${sources} PROPERTIES LANGUAGE CXX
      COMPILE_OPTIONS "${EKGINE_EMULATED_FLAGS}"
      INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR}/emulation/include)
    target_include_directories(${target} SYSTEM PUBLIC ${CUDAToolkit_INCLUDE_DIRS} ${CUDNN_INCLUDE_DIR})
    ekgine_nccl(${target})
    target_link_libraries(${target} PUBLIC ekgine_emulation)
    target_sources(${target} INTERFACE $<TARGET_OBJECTS:ekgine_emulation>)
  endfunction()
else()
  message(FATAL_ERROR "EKGINE_CUDA is ${EKGINE_CUDA}, expected OFF, NVCC or EMULATED")
endif()
