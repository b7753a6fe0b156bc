#include "bench/kernel_resources/cubin.h"

#include <cxxabi.h>
#include <elf.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

#include "base/atomic_file.h"
#include "base/error.h"

namespace ekgine {

namespace {

constexpr int abi_version = 8;

// A section .nv.info is a row of attributes: a byte for the form, one for what it is, and two for
// its value or, in the form `sized`, for the size of the value that follows.
constexpr int sized = 4;
enum Attribute {
  max_threads = 0x05,     // of __launch_bounds__: x, y, z
  min_stack_size = 0x12,  // of a function and those it calls: (symbol, bytes)
  register_count = 0x2f,  // (symbol, registers)
};

// A copy of the T at `offset`: nothing in an object file need be aligned.
template <class T>
T read(std::string_view bytes, std::size_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) {
    fail("truncated: {} bytes at {} are missing", sizeof(T), offset);
  }
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::string_view part(std::string_view bytes, std::size_t offset, std::size_t size) {
  if (offset > bytes.size() || bytes.size() - offset < size) {
    fail("truncated: {} bytes at {} are missing", size, offset);
  }
  return bytes.substr(offset, size);
}

std::string string_at(std::string_view strings, std::size_t offset) {
  const std::string_view rest = part(strings, offset, strings.size() - offset);
  return std::string(rest.substr(0, rest.find('\0')));
}

struct Section {
  std::string name;
  Elf64_Shdr header;
  std::string_view content;  // empty where the file has none
};

std::vector<Section> sections_of(std::string_view elf, const Elf64_Ehdr& header) {
  std::vector<Section> sections;
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    const auto s = read<Elf64_Shdr>(elf, header.e_shoff + i * header.e_shentsize);
    sections.push_back({{}, s, s.sh_type == SHT_NOBITS ? "" : part(elf, s.sh_offset, s.sh_size)});
  }
  if (header.e_shstrndx >= sections.size()) fail("no names of sections");
  for (Section& section : sections) {
    section.name = string_at(sections[header.e_shstrndx].content, section.header.sh_name);
  }
  return sections;
}

// Calls body(attribute, value) for every attribute of a section .nv.info that has a sized value.
void for_attributes(std::string_view info, const auto& body) {
  for (std::size_t at = 0; at < info.size();) {
    const auto form = read<unsigned char>(info, at), what = read<unsigned char>(info, at + 1);
    const std::size_t size = form == sized ? read<std::uint16_t>(info, at + 2) : 0;
    if (form == sized) body(what, part(info, at + 4, size));
    at += 4 + size;
  }
}

// "release 13.0, V13.0.88" of "Cuda compilation tools, release 13.0, V13.0.88".
std::string assembler_of(std::string_view note) {
  const std::size_t at = note.find("release ");
  return at == note.npos ? "unknown" : string_at(note, at);
}

// What a cubin's sections say of its kernels, and what is needed to read the rest.
struct Cubin {
  std::vector<KernelResources> kernels = {};
  std::map<std::string, std::size_t> index = {};  // in kernels, of a mangled name
  std::vector<std::string> symbols = {};
  std::string assembler = "unknown";
  bool reserves_shared = false;

  KernelResources* kernel_of(const std::string& mangled) {
    const auto found = index.find(mangled);
    return found == index.end() ? nullptr : &kernels[found->second];
  }
};

// The kernels with their names, nothing measured yet.
Cubin named_kernels(const Elf64_Ehdr& header, const std::vector<Section>& sections,
                    const std::string& file) {
  constexpr std::string_view text = ".text.";
  Cubin cubin;
  for (const Section& s : sections) {
    if (s.name.starts_with(text)) {
      const std::string mangled = s.name.substr(text.size());
      cubin.index[mangled] = cubin.kernels.size();
      KernelResources kernel;
      kernel.file = file;
      kernel.kernel = readable_kernel_name(mangled);
      kernel.architecture = static_cast<int>(header.e_flags >> 8 & 0xff);
      cubin.kernels.push_back(kernel);
    } else if (s.name == ".symtab") {
      if (s.header.sh_link >= sections.size()) fail("no names of symbols");
      for (std::size_t at = 0; at < s.content.size(); at += sizeof(Elf64_Sym)) {
        cubin.symbols.push_back(
            string_at(sections[s.header.sh_link].content, read<Elf64_Sym>(s.content, at).st_name));
      }
    } else if (s.name == ".note.nv.tkinfo") {
      cubin.assembler = assembler_of(s.content);
    } else if (s.name == ".nv.shared.reserved.0") {
      cubin.reserves_shared = true;
    }
  }
  return cubin;
}

// Registers and stack, from the attributes of functions: (symbol, value). Returns how many kernels
// have a number of registers.
std::size_t read_functions(std::string_view info, Cubin& cubin) {
  std::size_t registers_found = 0;
  for_attributes(info, [&](int what, std::string_view value) {
    if (what != register_count && what != min_stack_size) return;
    const auto symbol = read<std::uint32_t>(value, 0);
    if (symbol >= cubin.symbols.size()) fail("no symbol {}", symbol);
    KernelResources* const kernel = cubin.kernel_of(cubin.symbols[symbol]);
    if (kernel == nullptr) return;  // a function that kernels call
    const auto amount = static_cast<int>(read<std::uint32_t>(value, 4));
    (what == register_count ? kernel->registers : kernel->stack) = amount;
    if (what == register_count) ++registers_found;
  });
  return registers_found;
}

std::vector<KernelResources> kernels_of(std::string_view elf, const Elf64_Ehdr& header,
                                        const std::string& file) {
  constexpr std::string_view info = ".nv.info", shared = ".nv.shared.";
  const std::vector<Section> sections = sections_of(elf, header);
  Cubin cubin = named_kernels(header, sections, file);
  std::size_t registers_found = 0;
  for (const Section& s : sections) {
    if (s.name == info) {
      registers_found += read_functions(s.content, cubin);
    } else if (s.name.starts_with(info)) {
      KernelResources* const kernel = cubin.kernel_of(s.name.substr(info.size() + 1));
      for_attributes(s.content, [&](int what, std::string_view value) {
        if (kernel == nullptr || what != max_threads) return;
        kernel->threads_per_block =
            static_cast<int>(read<std::uint32_t>(value, 0) * read<std::uint32_t>(value, 4) *
                             read<std::uint32_t>(value, 8));
      });
    } else if (s.name.starts_with(shared)) {
      if (KernelResources* const kernel = cubin.kernel_of(s.name.substr(shared.size()))) {
        // From sm_90 on the KiB that the driver takes of every block is counted here, too.
        kernel->shared = static_cast<int>(s.header.sh_size) - (cubin.reserves_shared ? 1024 : 0);
      }
    }
  }
  if (registers_found != cubin.kernels.size()) {
    fail("{} of {} kernels have no register count", cubin.kernels.size() - registers_found,
         cubin.kernels.size());
  }
  for (KernelResources& kernel : cubin.kernels) kernel.assembler = cubin.assembler;
  return std::move(cubin.kernels);
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::vector<KernelResources> read_kernel_resources(const std::filesystem::path& object) {
  const std::string content = read_file(object);
  const std::string_view bytes = content;
  std::string file = object.filename().string();
  file = file.substr(0, file.find('.'));
  std::vector<KernelResources> all;
  bool found = false;
  try {
    // A cubin in an object file starts at a multiple of 8.
    for (std::size_t at = bytes.find(ELFMAG); at != bytes.npos; at = bytes.find(ELFMAG, at + 1)) {
      if (at % 8 != 0 || bytes.size() - at < sizeof(Elf64_Ehdr)) continue;
      const auto header = read<Elf64_Ehdr>(bytes, at);
      if (header.e_machine != EM_CUDA) continue;
      if (header.e_ident[EI_ABIVERSION] != abi_version) {
        fail("cubins of ABI version {} are not supported ({}, of CUDA 13, is)",
             header.e_ident[EI_ABIVERSION], abi_version);
      }
      found = true;
      for (KernelResources& kernel : kernels_of(bytes.substr(at), header, file)) {
        all.push_back(std::move(kernel));
      }
    }
    if (!found) fail("holds no cubin that is not compressed (nvcc --no-compress)");
  } catch (const Error& error) {
    fail("{}: {}", object.string(), error.what());
  }
  return all;
}

std::string readable_kernel_name(const std::string& mangled) {
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, nullptr), &std::free);
  if (!demangled) return mangled;
  std::string name = demangled.get();
  for (const char* scope : {"(anonymous namespace)::", "ekgine::", "kernels::", "device::"}) {
    replace_all(name, scope, "");
  }
  replace_all(name, "__nv_bfloat16", "bfloat16");
  replace_all(name, "> >", ">>");
  // Templates start with their return type, and kernels return void.
  if (name.starts_with("void ")) name.erase(0, 5);
  // The parameters start at the first parenthesis outside of template arguments.
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (name[i] == '(' && depth == 0) return name.substr(0, i);
  }
  return name;
}

}  // namespace ekgine
