#include "kernels/put_back.h"

#include <algorithm>

namespace ekgine::kernels {

template <class T>
void put_back(const Cpu&, std::int64_t n, const std::uint32_t* stop, const T* kept, T* values) {
  if (*stop != 0) std::copy_n(kept, n, values);
}

template void put_back(const Cpu&, std::int64_t, const std::uint32_t*, const float*, float*);
template void put_back(const Cpu&, std::int64_t, const std::uint32_t*, const double*, double*);

}  // namespace ekgine::kernels
