#include "engine/check_same.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace ekgine {

namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string quoted_line(const std::vector<std::string_view>& lines, std::size_t i) {
  return i < lines.size() ? fmt::format("'{}'", lines[i]) : "nothing";
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "(no host name)";
  return name.data();
}

void check_same(Ranks& ranks, std::string_view what, std::string_view text) {
  const std::vector<std::string> texts = ranks.gather_texts(text);
  const std::vector<std::string> hosts = ranks.gather_texts(host_name());
  const auto other = std::ranges::find_if(texts, [&](const auto& t) { return t != texts[0]; });
  if (other == texts.end()) return;
  const std::vector<std::string_view> first = lines_of(texts[0]), lines = lines_of(*other);
  std::size_t i = 0;
  while (i < first.size() && i < lines.size() && first[i] == lines[i]) ++i;
  const bool several = std::max(first.size(), lines.size()) > 1;
  const auto rank = static_cast<std::size_t>(other - texts.begin());
  throw AgreedError(fmt::format(
      "{}: rank {} on {} has {}{}, rank 0 on {} {}", what, rank, hosts[rank], quoted_line(lines, i),
      several ? fmt::format(" in line {}", i + 1) : "", hosts[0], quoted_line(first, i)));
}

}  // namespace ekgine
