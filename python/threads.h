// The threads that calls of the module compute with.
#pragma once

#include <nanobind/nanobind.h>

namespace ekgine::python {

// Of all calls from now on, from whichever thread they come; 0: all cores this process may use.
// Errors: not 0 to 1024.
void set_threads(int threads);
int threads();

// A call that computes, or waits for files: others of the interpreter's threads run meanwhile, and
// what this thread computes is divided among threads() threads. Errors: so many cannot be started;
// this process was forked from one whose threads it lacks.
class Computing {
 public:
  Computing();
  Computing(const Computing&) = delete;
  Computing& operator=(const Computing&) = delete;
  ~Computing();

 private:
  nanobind::gil_scoped_release others_run_;
  int before_;  // threads of this thread's other work with OpenMP
};

// Lets Python handle the signals that have arrived, within a call that computes: throws what that
// raises, KeyboardInterrupt for Ctrl-C.
void handle_signals();

}  // namespace ekgine::python
