#include "base/provenance.h"

#include <fmt/format.h>

#include <utility>

#include "base/json_file.h"
#include "ekgine_build.h"  // made by cmake/EkgineBuild.cmake

namespace ekgine {

namespace {

std::string command_given;

}  // namespace

std::string_view program_version() {
  return EKGINE_BUILD_VERSION;
}

std::string program_name() {
  constexpr std::string_view commit = EKGINE_BUILD_COMMIT;
  return fmt::format("ekgine {}{}", program_version(),
                     commit.empty() ? "" : fmt::format(" (commit {})", commit));
}

void set_command(std::string command) {
  command_given = std::move(command);
}

Provenance made_on(const std::string& device) {
  return {program_name(), device, command_given};
}

Json to_json(const Provenance& provenance) {
  return {
      {"tool", provenance.tool}, {"device", provenance.device}, {"command", provenance.command}};
}

Provenance provenance_from_json(const Json& json, const std::string& source) {
  const auto text = [&](const char* key) {
    return json_value<std::string>(source, json, key, "a text");
  };
  return {text("tool"), text("device"), text("command")};
}

}  // namespace ekgine
