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

// Counts a thread that computes, but the main one, for as long as it lives. Where the interpreter
// is about to end, its thread stops there for good, at the beginning or the end.
class Counted {
 public:
  Counted();
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted();
};

// A call that computes, or waits for files: others of the interpreter's threads run meanwhile.
// Errors: those of ThreadBudget.
struct Computing {
  nanobind::gil_scoped_release others_run;
  Counted counted;
  ThreadBudget budget;
};

// To be called now and then within a call that computes. In the process's main thread, the one in
// which Python handles signals, it does so: throws what that raises, KeyboardInterrupt for Ctrl-C.
// In another one it stops for good where the interpreter is about to end.
void handle_signals();

// Whether the interpreter is about to end. A thread that waits for others of its own has them done
// before it calls handle_signals() then.
bool ending();

// For Python's atexit: daemon threads that compute would go on in memory that the interpreter takes
// from them. Waits until each has stopped, ten seconds at most.
void stop_other_threads();

}  // namespace ekgine::python
