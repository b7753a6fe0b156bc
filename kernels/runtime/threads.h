// Threads that can be had, found out before they are needed.
#pragma once

namespace ekgine {

// Cores this process may run on: containers and taskset leave fewer than the machine has.
int available_cores();

// Makes sure that `threads` threads can run at once and starts those of kernels. OpenMP's run time
// ends the process where it cannot start one; here that is an Error that says how many there can
// be.
void start_threads(int threads);

}  // namespace ekgine
