// What nvcc's assembler wrote about each kernel into an object file.
//
// An object file of nvcc holds one cubin per architecture: an ELF file with a section .text.NAME
// for every kernel, and what the driver must know to launch it in sections .nv.info. NVIDIA
// documents none of it; the layout here is what `cuobjdump -elf` shows for CUDA 13 (cubins of ABI
// version 8). The cubins must not be compressed (nvcc --no-compress).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ekgine {

struct KernelResources {
  std::string file;           // the object's name without ".cu.o", such as "layer_norm"
  std::string kernel;         // see readable_kernel_name
  int architecture = 0;       // 10·major + minor, as in sm_86
  int registers = 0;          // per thread
  int shared = 0;             // bytes of static shared memory per block, as `ptxas -v` counts them
  int stack = 0;              // bytes of local memory per thread: arrays and spilled registers
  int threads_per_block = 0;  // at most, from __launch_bounds__; 0 without
  std::string assembler;      // that made the cubin, such as "release 13.0, V13.0.88"
};

// The kernels of an object file or cubin, in the order they lie there. Errors: the file cannot be
// read, holds no cubin, or one of another form than said above.
std::vector<KernelResources> read_kernel_resources(const std::filesystem::path& object);

// A mangled name as a person would write it in the kernel's own file: no return type, parameters or
// namespaces. _ZN6ekgine7kernels7forwardIfEEvPKT_ is "forward<float>".
std::string readable_kernel_name(const std::string& mangled);

}  // namespace ekgine
