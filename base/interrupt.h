// Ctrl-C, SIGTERM, SIGUSR1 (a batch system's time is nearly over) and SIGHUP (the terminal is
// closed): long work asks interrupted() between steps, leaves its files in order and throws
// Interrupted; a second SIGINT or SIGTERM ends the process at once.
#pragma once

#include <stdexcept>

namespace ekgine {

// Not an Error: nothing is wrong. The program exits with status 130.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Installs the handlers. Called once by the program; libraries only ask.
void install_interrupt_handlers();

bool interrupted() noexcept;

// Throws Interrupted("interrupted") when a signal has arrived.
void throw_if_interrupted();

}  // namespace ekgine
