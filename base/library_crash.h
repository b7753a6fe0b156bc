// Libraries that crash where they should fail: HDF5, oneDNN and OpenSSL do when they get no memory,
// HDF5 also on bytes that were made for it.
#pragma once

namespace ekgine {

// From now on a crash inside of a library is the program's one line and exit status 1: the process
// ends at once, its temporary files with it. Whose crash it is, the stack tells: the innermost code
// on it that is neither the C and C++ libraries' nor OpenMP's. A crash of the program's own code is
// a defect of ours, of which a core tells more: it ends the process by its signal, as ever.
void report_library_crashes();

// Lets the calling thread report a library that recurses until the stack is full, too: for calls of
// such a library, any number of times. Without it that ends the process by its signal.
void expect_stack_overflow();

}  // namespace ekgine
