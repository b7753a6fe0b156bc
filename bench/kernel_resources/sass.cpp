#include "bench/kernel_resources/sass.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "bench/kernel_resources/cubin.h"

namespace ekgine {

namespace {

struct Instruction {
  std::uint64_t address = 0;
  bool conditional = false;  // has a predicate
  std::string_view opcode;   // LDG.E.128
  std::string_view operands;

  std::string_view name() const { return opcode.substr(0, opcode.find('.')); }
  bool has(std::string_view modifier) const {
    return opcode.find(modifier) != std::string_view::npos;
  }
};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

// The number behind `prefix` in the text, if there is one.
std::optional<std::uint64_t> number_after(std::string_view text, std::string_view prefix,
                                          int base) {
  const std::size_t at = text.find(prefix);
  if (at == std::string_view::npos) return {};
  const std::string_view digits = text.substr(at + prefix.size());
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end == digits.data()) return {};
  return value;
}

// Of a line such as "/*01b0*/  @!P0 BRA 0x1420 ;  /* 0x... */"; none of other lines.
std::optional<Instruction> instruction_of(std::string_view line) {
  line = trimmed(line);
  if (!line.starts_with("/*") || line.starts_with("/* ")) return {};
  const auto address = number_after(line, "/*", 16);
  const std::size_t begin = line.find("*/"), end = line.find(';');
  if (!address || begin == std::string_view::npos || end == std::string_view::npos) return {};
  Instruction found{.address = *address, .opcode = {}, .operands = {}};
  std::string_view text = trimmed(line.substr(begin + 2, end - begin - 2));
  if (text.starts_with('@')) {
    found.conditional = !text.starts_with("@PT ") && !text.starts_with("@UPT ");
    text = trimmed(text.substr(std::min(text.find(' '), text.size())));
  }
  found.opcode = text.substr(0, text.find(' '));
  found.operands = trimmed(text.substr(found.opcode.size()));
  if (found.opcode.empty()) fail("an instruction without a name at {:#x}", *address);
  return found;
}

bool loads_globally(const Instruction& i) {
  return i.name() == "LDG" || i.name() == "LD" || i.name() == "LDGSTS";
}
bool is_local(const Instruction& i) {
  return i.name() == "LDL" || i.name() == "STL";
}
bool is_jump(const Instruction& i) {
  return i.name() == "BRA" || i.name() == "JMP";
}
// Nothing that follows is reached from it, unless it has a predicate.
bool ends(const Instruction& i) {
  const auto name = i.name();
  return name == "EXIT" || name == "RET" || name == "BRX" || name == "JMX" || name == "KILL" ||
         is_jump(i);
}

// Registers [first, first + count).
struct Registers {
  int first, count;
  bool meets(const Registers& other) const {
    return first < other.first + other.count && other.first < first + count;
  }
};

int width_of(const Instruction& i) {
  if (i.has(".256")) return 8;
  if (i.has(".128")) return 4;
  if (i.has(".64") || i.has("WIDE")) return 2;
  const auto name = i.name();
  if (name == "HMMA" || name == "IMMA" || name == "DMMA") return 4;
  if (name.starts_with("D") || i.has(".F64")) return 2;  // of doubles
  return 1;
}

// Of what a register within brackets begins: an address of global memory, extended to 64 bits, or
// an offset. How much is there has no part in it.
int width_of_address(const Instruction& i, std::string_view behind_register) {
  if (behind_register.starts_with(".U32")) return 1;
  const bool extended = i.opcode.ends_with(".E") || i.has(".E.");
  return extended || behind_register.starts_with(".64") ? 2 : 1;
}

// The registers that its operands name, the first of them first. Wide operands begin there, and may
// be taken for wider than they are.
std::vector<Registers> registers_of(const Instruction& i) {
  std::vector<Registers> found;
  const std::string_view text = i.operands;
  const auto part_of_name = [](char c) { return c == '_' || std::isalnum(c) != 0; };
  bool address = false;
  for (std::size_t at = 0; at + 1 < text.size(); ++at) {
    if (text[at] == '[' || text[at] == ']') address = text[at] == '[';
    if (text[at] != 'R' || (at > 0 && part_of_name(text[at - 1]))) continue;
    int number = 0;
    const auto [end, error] =
        std::from_chars(text.data() + at + 1, text.data() + text.size(), number);
    if (error != std::errc()) continue;  // RZ
    const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (address) {
      found.push_back({number, width_of_address(i, rest)});
    } else {
      found.push_back({number, rest.starts_with(".64") ? 2 : width_of(i)});
    }
  }
  return found;
}

// What a load writes. One of 32 bytes names two registers and writes four from each on.
std::vector<Registers> brought_by(const Instruction& i, const std::vector<Registers>& named) {
  if (i.name() == "LDGSTS" || named.empty()) return {};  // to shared memory
  if (!i.has(".256")) return {{named[0].first, width_of(i)}};
  std::vector<Registers> brought = {{named[0].first, 4}};
  if (named.size() > 1) brought.push_back({named[1].first, 4});
  return brought;
}

struct Block {
  std::size_t begin, end;  // instructions
  std::vector<std::size_t> next = {}, before = {};
  bool falls_through = false;  // to the block that follows
};

// A kernel's instructions as blocks that are entered at their first and left at their last.
std::vector<Block> blocks_of(const std::vector<Instruction>& code) {
  std::map<std::uint64_t, std::size_t> at;
  for (std::size_t i = 0; i < code.size(); ++i) at[code[i].address] = i;
  const auto target = [&](const Instruction& i) -> std::optional<std::size_t> {
    if (!is_jump(i)) return {};
    const auto address = number_after(i.operands, "0x", 16);
    if (!address || !at.contains(*address)) {
      fail("a jump to nowhere at {:#x}: {} {}", i.address, i.opcode, i.operands);
    }
    return at[*address];
  };
  std::set<std::size_t> leaders = {0};
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (const auto to = target(code[i])) leaders.insert(*to);
    if (ends(code[i]) && i + 1 < code.size()) leaders.insert(i + 1);
  }
  std::vector<Block> blocks;
  std::map<std::size_t, std::size_t> block_at;
  for (auto leader = leaders.begin(); leader != leaders.end(); ++leader) {
    const auto following = std::next(leader);
    block_at[*leader] = blocks.size();
    blocks.push_back({*leader, following == leaders.end() ? code.size() : *following});
  }
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const Instruction& last = code[blocks[b].end - 1];
    // A jump of some threads (BRA.DIV) or by another condition than a predicate has two ends, too.
    const bool always =
        ends(last) && !last.conditional && (!is_jump(last) || last.operands.starts_with("0x"));
    if (const auto to = target(last)) blocks[b].next.push_back(block_at[*to]);
    blocks[b].falls_through = !always && b + 1 < blocks.size();
    if (blocks[b].falls_through) blocks[b].next.push_back(b + 1);
  }
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    for (const std::size_t to : blocks[b].next) blocks[to].before.push_back(b);
  }
  return blocks;
}

using Set = std::vector<bool>;

// For every block those that each way to it from the first one leads through; empty where there is
// no way.
std::vector<Set> dominators_of(const std::vector<Block>& blocks) {
  const std::size_t n = blocks.size();
  std::vector<Set> of(n);
  of[0] = Set(n);
  of[0][0] = true;
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t b = 1; b < n; ++b) {
      Set all;
      for (const std::size_t from : blocks[b].before) {
        if (of[from].empty()) continue;
        if (all.empty()) {
          all = of[from];
        } else {
          for (std::size_t i = 0; i < n; ++i) all[i] = all[i] && of[from][i];
        }
      }
      if (all.empty()) continue;
      all[b] = true;
      if (all == of[b]) continue;
      of[b] = std::move(all);
      changed = true;
    }
  }
  return of;
}

struct Loop {
  Set body;
  std::vector<std::size_t> ends = {};  // where its turns end
  std::size_t size = 0;
};

// Natural loops: those with one head are one.
std::vector<Loop> loops_of(const std::vector<Block>& blocks, const std::vector<Set>& dominators) {
  std::map<std::size_t, Loop> loops;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    if (dominators[b].empty()) continue;
    for (const std::size_t head : blocks[b].next) {
      if (!dominators[b][head]) continue;
      Loop& loop = loops[head];
      if (loop.body.empty()) loop.body = Set(blocks.size());
      loop.body[head] = true;
      loop.ends.push_back(b);
      for (std::vector<std::size_t> open = {b}; !open.empty();) {
        const std::size_t in = open.back();
        open.pop_back();
        if (loop.body[in]) continue;
        loop.body[in] = true;
        for (const std::size_t from : blocks[in].before) {
          if (!dominators[from].empty()) open.push_back(from);
        }
      }
    }
  }
  std::vector<Loop> all;
  for (auto& [head, loop] : loops) {
    loop.size = static_cast<std::size_t>(std::ranges::count(loop.body, true));
    all.push_back(std::move(loop));
  }
  std::ranges::sort(all, {}, &Loop::size);  // so the first that has a block is its innermost
  return all;
}

// Whether it waits for loads, whatever registers they bring: copies to shared memory have none, and
// what a called function reads is not told.
bool waits_for_all(const Instruction& i) {
  return i.name() == "CALL" || i.name() == "DEPBAR";
}

// The most loads on their way at once in the instructions from block `first` on, for as long as the
// blocks follow each other within `loop` (anywhere, if null) and nobody jumps to between them.
int most_in_flight(const std::vector<Instruction>& code, const std::vector<Block>& blocks,
                   std::size_t first, const Loop* loop) {
  int most = 0, count = 0;
  std::vector<Registers> awaited;
  for (std::size_t b = first;; ++b) {
    for (std::size_t at = blocks[b].begin; at < blocks[b].end; ++at) {
      const Instruction& i = code[at];
      const std::vector<Registers> named = registers_of(i);
      const bool waits =
          waits_for_all(i) || std::ranges::any_of(named, [&](const Registers& r) {
            return std::ranges::any_of(awaited, [&](const Registers& a) { return a.meets(r); });
          });
      if (waits) {
        awaited.clear();
        count = 0;
      }
      if (!loads_globally(i)) continue;
      most = std::max(most, ++count);
      std::ranges::copy(brought_by(i, named), std::back_inserter(awaited));
    }
    if (!blocks[b].falls_through || blocks[b + 1].before.size() != 1) return most;
    if (loop != nullptr && !loop->body[b + 1]) return most;
  }
}

void examine(const std::vector<Instruction>& code, KernelLoads& found) {
  const std::vector<Block> blocks = blocks_of(code);
  const std::vector<Set> dominators = dominators_of(blocks);
  const std::vector<Loop> loops = loops_of(blocks, dominators);
  const auto loads_in = [&](const Block& block) {
    return static_cast<int>(std::count_if(code.begin() + static_cast<std::ptrdiff_t>(block.begin),
                                          code.begin() + static_cast<std::ptrdiff_t>(block.end),
                                          loads_globally));
  };
  int anywhere = 0, anywhere_in_flight = 0;
  std::map<const Loop*, int> in_flight;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const int loads = loads_in(blocks[b]);
    if (dominators[b].empty() || loads == 0) continue;
    anywhere += loads;
    anywhere_in_flight = std::max(anywhere_in_flight, most_in_flight(code, blocks, b, nullptr));
    const auto innermost = std::ranges::find_if(loops, [&](const Loop& l) { return l.body[b]; });
    if (innermost == loops.end()) continue;
    found.loads += loads;
    int& most = in_flight[&*innermost];
    most = std::max(most, most_in_flight(code, blocks, b, &*innermost));
    const bool always =
        std::ranges::all_of(innermost->ends, [&](std::size_t end) { return dominators[end][b]; });
    if (!always) found.passed_by += loads;
  }
  if (found.loads == 0) {
    found.loads = anywhere;
    found.in_flight = {anywhere_in_flight};
  } else {
    found.in_flight.clear();
    for (const auto& [loop, most] : in_flight) found.in_flight.push_back(most);
    std::ranges::sort(found.in_flight, std::ranges::greater());
  }
  found.local = static_cast<int>(std::ranges::count_if(code, is_local));
}

}  // namespace

std::vector<KernelLoads> read_kernel_loads(std::string_view text, const std::string& file) {
  std::vector<KernelLoads> kernels;
  std::vector<Instruction> code;
  int architecture = 0;
  const auto finish = [&] {
    if (!kernels.empty() && !code.empty()) examine(code, kernels.back());
    code.clear();
  };
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (const auto sm = number_after(line, "code for sm_", 10)) {
      architecture = static_cast<int>(*sm);
    } else if (const std::size_t at = line.find("Function : "); at != std::string_view::npos) {
      finish();
      const std::string name(trimmed(line.substr(at + 11)));
      kernels.push_back(
          {.file = file, .kernel = readable_kernel_name(name), .architecture = architecture});
    } else if (const auto instruction = instruction_of(line)) {
      code.push_back(*instruction);
    }
  }
  finish();
  if (kernels.empty()) fail("{}: no kernel in what cuobjdump -sass has printed", file);
  return kernels;
}

}  // namespace ekgine
