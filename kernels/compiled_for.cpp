#include "kernels/compiled_for.h"

namespace ekgine::kernels {

InstructionSet compiled_for() {
#ifdef __AVX512F__
  return InstructionSet::avx512;
#elif defined(__AVX2__)
  return InstructionSet::avx2;
#else
  return InstructionSet::baseline;
#endif
}

}  // namespace ekgine::kernels
