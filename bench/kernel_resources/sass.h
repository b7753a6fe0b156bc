// How a kernel's machine code loads from global memory: what its registers do not tell, and what
// decides how long it waits.
//
// Read from what `cuobjdump -sass` prints of an object file. NVIDIA documents neither that text nor
// the instructions; what is relied on is that of CUDA 13: a line "Function : NAME" below one
// "code for sm_NN", then an instruction a line, behind its address, with its predicate, and jumps
// that name an address.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ekgine {

struct KernelLoads {
  std::string file;      // as the caller says, such as "layer_norm"
  std::string kernel;    // see readable_kernel_name in cubin.h
  int architecture = 0;  // as in sm_86

  int loads = 0;  // instructions that load from global memory, within loops; of all where there is
                  // no such loop
  // Of each loop with loads of its own, not only in loops within it, from the best to the worst
  // (one figure, of all the code, where there is no such loop): the most of its loads that are on
  // their way at once, issued one after another, without a jump to or from anywhere else between
  // them, before the first instruction that needs what one of them brings, or may: a call.
  std::vector<int> in_flight = {0};
  // Those within loops that a turn of their innermost loop can go without: a branch leads around
  // them, and the code behind it cannot be mixed with theirs.
  int passed_by = 0;
  int local = 0;  // instructions that load from or store to local memory
};

// The kernels in `text`, in the order they stand there. Errors: no kernel, or an instruction of
// another form than said above.
std::vector<KernelLoads> read_kernel_loads(std::string_view text, const std::string& file);

}  // namespace ekgine
