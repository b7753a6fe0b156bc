// Work in a process of its own: for libraries that may crash, loop or take all memory on bytes that
// others have written.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace ekgine {

// What a child may use.
struct ChildLimits {
  std::size_t memory;   // bytes, more than the process has now
  std::size_t output;   // bytes that it may send
  std::size_t seconds;  // of processor time; ten times as many, and half a minute, by the clock
};

// Sends bytes to the parent.
using ChildOutput = std::function<void(std::string_view)>;

// Runs `work` in a forked child and returns what it has sent. The child cannot open any file, keeps
// none open, leaves no core and dies with its parent. `work` must take no lock that another thread
// may hold, and use no threads and no device. Any thread may call. Errors: the Error that `work`
// throws; one that begins with `name` when the child crashes, or needs more than `limits`.
// Interrupted is thrown as soon as a signal has arrived.
std::string run_in_child(const std::string& name, const ChildLimits& limits,
                         const std::function<void(const ChildOutput&)>& work);

}  // namespace ekgine
