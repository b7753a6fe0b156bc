#include "bench/kernel_resources/kernel_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/error.h"

namespace ekgine {

namespace {

constexpr const char* none = "–";

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  for (std::size_t at = 1; at < line.size();) {
    const std::size_t end = std::min(line.find('|', at), line.size());
    const std::size_t first = std::min(line.find_first_not_of(' ', at), end);
    const std::size_t last = line.find_last_not_of(' ', end - 1);
    cells.push_back(line.substr(first, last < first ? 0 : last + 1 - first));
    at = end + 1;
  }
  return cells;
}

int number_of(const std::string& text, const std::string& where) {
  std::size_t used = 0;
  int value = 0;
  try {
    value = std::stoi(text, &used);
  } catch (const std::exception&) {
  }
  if (used == 0) fail("{}: expected a number, found \"{}\"", where, text);
  return value;
}

}  // namespace

std::string kernel_table(std::span<const std::string> common, const KernelRows& rows) {
  std::set<int> architectures;
  for (const auto& [key, row] : rows) {
    for (const auto& [architecture, cell] : row.of) architectures.insert(architecture);
  }
  std::string text, file;
  for (const auto& [key, row] : rows) {
    if (key.first != file) {
      text += fmt::format("{}## {}\n\n| kernel |", file.empty() ? "" : "\n", key.first);
      file = key.first;
      for (const std::string& heading : common) text += fmt::format(" {} |", heading);
      for (const int architecture : architectures) text += fmt::format(" sm_{} |", architecture);
      text += "\n| --- |";
      for (std::size_t i = 0; i < common.size() + architectures.size(); ++i) text += " ---: |";
      text += "\n";
    }
    text += fmt::format("| `{}` |", key.second);
    for (const std::string& cell : row.common) text += fmt::format(" {} |", cell);
    for (const int architecture : architectures) {
      const auto found = row.of.find(architecture);
      text += fmt::format(" {} |", found == row.of.end() ? none : found->second);
    }
    text += "\n";
  }
  return text;
}

KernelRows read_kernel_table(const std::string& text, const std::string& name, std::size_t common) {
  KernelRows rows;
  std::istringstream lines(text);
  std::string line, file;
  std::vector<int> columns;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string where = fmt::format("{}:{}", name, number);
    if (line.starts_with("## ")) {
      file = line.substr(3);
    } else if (line.starts_with("| kernel ")) {
      columns.clear();
      const std::vector<std::string> cells = cells_of(line);
      for (std::size_t i = 1 + common; i < cells.size(); ++i) {
        columns.push_back(
            number_of(cells[i].substr(std::min<std::size_t>(3, cells[i].size())), where));
      }
    } else if (line.starts_with("| `")) {
      const std::vector<std::string> cells = cells_of(line);
      if (file.empty() || columns.empty() || cells.size() != 1 + common + columns.size()) {
        fail("{}: a row of {} cells, expected {} under a heading", where, cells.size(),
             1 + common + columns.size());
      }
      KernelRow& row = rows[{file, cells[0].substr(1, cells[0].size() - 2)}];
      row.common.assign(cells.begin() + 1, cells.begin() + 1 + static_cast<std::ptrdiff_t>(common));
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const std::string& cell = cells[1 + common + i];
        if (cell != none) row.of[columns[i]] = cell;
      }
      for (std::size_t i = 1; i < cells.size(); ++i) {
        if (cells[i] != none) number_of(cells[i], where);
      }
    }
  }
  if (rows.empty()) fail("{}: no table of kernels in it", name);
  return rows;
}

std::vector<int> numbers_of(const std::string& cell) {
  std::vector<int> numbers;
  constexpr const char* digits = "0123456789";
  for (std::size_t at = cell.find_first_of(digits); at != std::string::npos;) {
    const std::size_t end = cell.find_first_not_of(digits, at);
    numbers.push_back(std::stoi(cell.substr(at, end - at)));
    at = cell.find_first_of(digits, end);
  }
  return numbers;
}

std::string place_of(const KernelKey& key) {
  return fmt::format("{}: {}", key.first, key.second);
}
std::string place_of(const KernelKey& key, int architecture) {
  return fmt::format("{}: sm_{}", place_of(key), architecture);
}

}  // namespace ekgine
