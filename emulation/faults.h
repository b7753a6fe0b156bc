// What the emulated device has to complain about.
#pragma once

#include <string>

namespace ekgine::emulation {

// Records a fault, once however often it is reported; emulation.h hands them out.
void report(std::string fault);

// Whether a fault that this key names has not been met since faults were last taken: for faults
// whose text would differ with every thread.
bool is_new_fault(std::string key);

}  // namespace ekgine::emulation
