#include "emulation/symbols.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <vector>

namespace ekgine::emulation {
namespace {

Dwfl* debug_information() {
  static Dwfl* const dwfl = []() -> Dwfl* {
    static char* no_separate_files = nullptr;
    static const Dwfl_Callbacks callbacks = {dwfl_linux_proc_find_elf, dwfl_standard_find_debuginfo,
                                             nullptr, &no_separate_files};
    Dwfl* session = dwfl_begin(&callbacks);
    if (session == nullptr) return nullptr;
    if (dwfl_linux_proc_report(session, getpid()) != 0 ||
        dwfl_report_end(session, nullptr, nullptr) != 0) {
      dwfl_end(session);
      return nullptr;
    }
    return session;
  }();
  return dwfl;
}

std::string place(const char* file, std::uint64_t line) {
  return project_path(file) + ":" + std::to_string(line);
}

// The places of the inlined calls that `pc` lies in, innermost first.
std::vector<std::string> inlined_calls(Dwfl_Module* module, Dwarf_Addr pc) {
  std::vector<std::string> calls;
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = dwfl_module_addrdie(module, pc, &bias);
  Dwarf_Files* files = nullptr;
  if (unit == nullptr || dwarf_getsrcfiles(unit, &files, nullptr) != 0) return calls;
  // The innermost scope, then those that contain it in the machine code.
  Dwarf_Die* innermost = nullptr;
  Dwarf_Die* scopes = nullptr;
  if (dwarf_getscopes(unit, pc - bias, &innermost) <= 0) return calls;
  const int count = dwarf_getscopes_die(&innermost[0], &scopes);
  for (int i = 0; i < count; ++i) {
    Dwarf_Attribute attribute;
    Dwarf_Word file = 0, line = 0;
    if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine ||
        dwarf_formudata(dwarf_attr(&scopes[i], DW_AT_call_file, &attribute), &file) != 0 ||
        dwarf_formudata(dwarf_attr(&scopes[i], DW_AT_call_line, &attribute), &line) != 0) {
      continue;
    }
    const char* name = dwarf_filesrc(files, file, nullptr, nullptr);
    if (name != nullptr) calls.push_back(place(name, line));
  }
  std::free(scopes);
  std::free(innermost);
  return calls;
}

// Where a kernel's call of a built-in function is implemented does not matter to its reader.
bool is_intrinsic(const std::string& place) {
  return place.starts_with("emulation/intrinsics.h") || place.starts_with("emulation/include/") ||
         place.starts_with("emulation/kernel_interface.h");
}

std::string look_up(const void* return_address) {
  const Dwarf_Addr pc = reinterpret_cast<std::uintptr_t>(return_address) - 1;
  Dwfl* dwfl = debug_information();
  Dwfl_Module* module = dwfl != nullptr ? dwfl_addrmodule(dwfl, pc) : nullptr;
  if (module == nullptr) return "unknown source";
  Dwfl_Line* line = dwfl_module_getsrc(module, pc);
  int number = 0;
  const char* file =
      line != nullptr ? dwfl_lineinfo(line, nullptr, &number, nullptr, nullptr, nullptr) : nullptr;
  if (file == nullptr) {
    const char* symbol = dwfl_module_addrname(module, pc);
    return symbol != nullptr ? symbol : "unknown source";
  }
  std::vector<std::string> places = inlined_calls(module, pc);
  places.insert(places.begin(), place(file, static_cast<std::uint64_t>(number)));
  const auto first = std::find_if_not(places.begin(), places.end() - 1, is_intrinsic);
  std::string text = *first;
  for (auto caller = first + 1; caller != places.end(); ++caller) text += ", inlined at " + *caller;
  return text;
}

}  // namespace

std::string project_path(const char* file) {
  const std::string text = std::string("/") + file;
  for (const char* room : {"/kernels/", "/engine/", "/tests/", "/training/", "/model/", "/data/",
                           "/bench/", "/apps/", "/base/"}) {
    const std::size_t found = text.rfind(room);
    if (found != std::string::npos) return text.substr(found + 1);
  }
  return text.substr(text.rfind('/') + 1);
}

std::string source_line(const void* address) {
  static std::map<const void*, std::string> known;
  const auto [found, is_new] = known.try_emplace(address);
  if (is_new) found->second = look_up(address);
  return found->second;
}

}  // namespace ekgine::emulation
