#include "base/interrupt.h"

#include <csignal>

namespace ekgine {

namespace {

volatile std::sig_atomic_t signal_received = 0;

void on_signal(int number) {
  // The handler of the second signal is the default one: it ends the process. Not of SIGHUP, which
  // both the terminal and the shell send when the terminal is closed, and of SIGUSR1, which both a
  // batch system and mpirun send.
  if (number != SIGHUP && number != SIGUSR1) std::signal(number, SIG_DFL);
  signal_received = 1;
}

}  // namespace

void install_interrupt_handlers() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGUSR1, on_signal);
  // Ignored already: started by nohup, which asks to go on without the terminal.
  if (std::signal(SIGHUP, on_signal) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
}

bool interrupted() noexcept {
  return signal_received != 0;
}

void throw_if_interrupted() {
  if (interrupted()) throw Interrupted("interrupted");
}

}  // namespace ekgine
