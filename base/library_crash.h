// Libraries that crash where they should fail: HDF5, oneDNN and OpenSSL do when they get no memory,
// HDF5 also on bytes that were made for it.
#pragma once

namespace ekgine {

// From now on a crash inside of a library is the program's one line and exit status 1: the process
// ends at once, its temporary files with it. Whose crash it is, the stack tells: the innermost code
// on it that is neither the C and C++ libraries' nor OpenMP's. A crash of the program's own code is
// a defect of ours, of which a core tells more: it ends the process by its signal, as ever.
//
// For stacks that overflow only the calling thread is prepared; on others that is a signal.
void report_library_crashes();

}  // namespace ekgine
