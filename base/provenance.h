// What made a file, for the file to say: the program, the commit that it was built from, the device
// and the command.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace ekgine {

// "0.1.0"
std::string_view program_version();

// "ekgine 0.1.0 (commit 0123456789ab)"; "+" follows the commit where files had been changed since,
// and there is none where the program was not built from a repository.
std::string program_name();

struct Provenance {
  std::string tool;     // program_name()
  std::string device;   // "cpu (AMD EPYC 7R13, 2 threads), f32"
  std::string command;  // "ekgine train --data store --epochs 3", as a shell takes it

  // Nothing is known: a file of a version that did not say, or one that others wrote.
  bool empty() const { return tool.empty() && device.empty() && command.empty(); }
  bool operator==(const Provenance&) const = default;
};

// The command that this process was given, for made_on() to say; "" until it is set. Before any
// other thread runs.
void set_command(std::string command);

// What this process makes on a device.
Provenance made_on(const std::string& device);

// {"tool": …, "device": …, "command": …}
Json to_json(const Provenance& provenance);
// The inverse. Errors, which begin with `source`: a text is missing.
Provenance provenance_from_json(const Json& json, const std::string& source);

}  // namespace ekgine
