// Independent items of work on all threads: records of a database, blocks of beats.
#pragma once

#include <cstdint>
#include <functional>

#include "kernels/runtime/cpu.h"

namespace ekgine {

// Calls work(i, cpu) for every i in [0, n), on as many threads as kernels use (thread_count()),
// each taking the next item when it is done with one. Kernels called with `cpu` stay on their
// thread: where items are many, that needs no waiting for each other. When an item throws, or on
// Ctrl-C, no further ones are begun; then the failure of the lowest item is thrown, or Interrupted.
void for_each_item(std::int64_t n, const std::function<void(std::int64_t, const Cpu&)>& work);

}  // namespace ekgine
