#include <cstring>

#include "emulation/checker.h"
#include "emulation/kernel_interface.h"

namespace ekgine::emulation {
namespace {

// Threads are fibers of one host thread: nothing comes between the load and the store.
template <class Word>
Word update_word(void* address, Word operand, Word comparand, Update<Word> update) {
  Word old;
  std::memcpy(&old, address, sizeof old);
  const Word result = update(old, operand, comparand);
  std::memcpy(address, &result, sizeof result);
  return old;
}

}  // namespace

std::uint32_t atomic(void* address, std::uint32_t operand, std::uint32_t comparand,
                     Update<std::uint32_t> update) {
  checker_atomic(address, sizeof operand, __builtin_return_address(0));
  return update_word(address, operand, comparand, update);
}

std::uint64_t atomic(void* address, std::uint64_t operand, std::uint64_t comparand,
                     Update<std::uint64_t> update) {
  checker_atomic(address, sizeof operand, __builtin_return_address(0));
  return update_word(address, operand, comparand, update);
}

}  // namespace ekgine::emulation
