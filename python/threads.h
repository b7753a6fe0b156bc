// The threads that calls of the module compute with.
#pragma once

#include <nanobind/nanobind.h>

namespace ekgine::python {

// Of all calls from now on, from whichever thread they come; 0: all cores this process may use.
// Errors: not 0 to 1024.
void set_threads(int threads);
int threads();

// While it lives, what this thread computes is divided among threads() threads. Errors: so many
// cannot be started; this process was forked from one whose threads it lacks.
class ThreadBudget {
 public:
  ThreadBudget();
  ThreadBudget(const ThreadBudget&) = delete;
  ThreadBudget& operator=(const ThreadBudget&) = delete;
  ~ThreadBudget();

 private:
  int before_;  // threads of this thread's other work with OpenMP
};

// A call that computes, or waits for files: others of the interpreter's threads run meanwhile.
// Errors: those of ThreadBudget.
struct Computing {
  nanobind::gil_scoped_release others_run;
  ThreadBudget budget;
};

// Lets Python handle the signals that have arrived, within a call that computes, if this is the
// process's main thread, the one in which it does: throws what that raises, KeyboardInterrupt for
// Ctrl-C.
void handle_signals();

}  // namespace ekgine::python
