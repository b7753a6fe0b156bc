#include "base/interrupt.h"

#include <csignal>

namespace ekgine {

namespace {

volatile std::sig_atomic_t signal_received = 0;

void on_signal(int number) {
  // The handler of the second signal is the default one: it ends the process.
  std::signal(number, SIG_DFL);
  signal_received = 1;
}

}  // namespace

void install_interrupt_handlers() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

bool interrupted() noexcept {
  return signal_received != 0;
}

void throw_if_interrupted() {
  if (interrupted()) throw Interrupted("interrupted");
}

}  // namespace ekgine
