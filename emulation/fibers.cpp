#include "emulation/fibers.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace ekgine::emulation {
namespace {

namespace context = boost::context::detail;

constexpr std::size_t page = 4096;

struct Switch {
  Fiber& from;
  Fiber& to;
};

// What every fiber does first after a switch: note where the one that was left goes on.
Fiber& arrive(const context::transfer_t& transfer) {
  // Copied, because it lies on the stack that was left.
  const Switch taken = *static_cast<const Switch*>(transfer.data);
  taken.from.context = transfer.fctx;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(taken.to.fake_stack, &taken.from.stack, &taken.from.stack_size);
#endif
  return taken.to;
}

void first_run(context::transfer_t transfer) {
  arrive(transfer).entry();
  std::abort();
}

void jump(Fiber& from, Fiber& to, [[maybe_unused]] bool for_ever) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(for_ever ? nullptr : &from.fake_stack, to.stack, to.stack_size);
#endif
  Switch data{from, to};
  arrive(context::jump_fcontext(to.context, &data));
}

}  // namespace

char* fiber_stacks() {
  static char* const stacks = [] {
    void* memory = mmap(nullptr, maximum_fibers * stack_stride, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      std::perror("emulated CUDA device: no memory for the stacks of its threads");
      std::abort();
    }
    for (std::size_t i = 0; i < maximum_fibers; ++i) {
      mprotect(static_cast<char*>(memory) + i * stack_stride, page, PROT_NONE);
    }
    return static_cast<char*>(memory);
  }();
  return stacks;
}

void start_fiber(Fiber& fiber, std::size_t index, void (*entry)()) {
  char* const low = fiber_stacks() + index * stack_stride + page;
  fiber.stack = low;
  // Tops at the same offset of every stack would compete for the same few lines of the cache.
  fiber.stack_size = stack_stride - page - index % 64 * 576;
  fiber.fake_stack = nullptr;
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(low, fiber.stack_size);  // frames that were never left
#endif
  fiber.entry = entry;
  fiber.context = context::make_fcontext(low + fiber.stack_size, fiber.stack_size, &first_run);
}

void switch_fiber(Fiber& from, Fiber& to) {
  jump(from, to, false);
}

void leave_fiber(Fiber& from, Fiber& to) {
  jump(from, to, true);
  std::abort();
}

}  // namespace ekgine::emulation
