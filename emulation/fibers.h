// Fibers: stacks of their own within one host thread, switched by Boost.Context in nanoseconds.
//
// A fiber runs until it switches to another one. The host's own stack is a fiber too, one that was
// never started: any Fiber that is switched away from. Works under AddressSanitizer too, which is
// told of every switch.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

namespace ekgine::emulation {

// The stack of the host thread, or one that start_fiber gave an entry.
struct Fiber {
  boost::context::detail::fcontext_t context = nullptr;  // where it goes on
  const void* stack = nullptr;                           // its lowest byte
  std::size_t stack_size = 0;
  void* fake_stack = nullptr;  // AddressSanitizer's
  void (*entry)() = nullptr;
};

// Stacks lie side by side in one reservation, each above a guard page.
inline constexpr std::size_t maximum_fibers = 1024;
inline constexpr std::size_t stack_stride = 256U << 10U;

// The lowest address of the reservation, which is maximum_fibers · stack_stride bytes long.
char* fiber_stacks();

// Prepares a fiber that will run `entry` on stack `index` when it is first switched to. `entry`
// must not return: the last thing it does is leave_fiber. What ran on that stack before is
// forgotten, whether or not it had come to its end.
void start_fiber(Fiber& fiber, std::size_t index, void (*entry)());

// Goes on with `to`; returns when something switches back to `from`, which must be the running one.
void switch_fiber(Fiber& from, Fiber& to);
// The same, for a fiber that will never go on.
[[noreturn]] void leave_fiber(Fiber& from, Fiber& to);

}  // namespace ekgine::emulation
