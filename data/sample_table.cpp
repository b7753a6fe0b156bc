#include "data/sample_table.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/console.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/option_error.h"
#include "base/regular_file.h"
#include "data/text_lines.h"
#include "data/voltage.h"
#include "data/wfdb_signal.h"

namespace ekgine {

namespace fs = std::filesystem;

namespace {

constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t longest_line = std::size_t{1} << 20;
constexpr std::size_t table_block = std::size_t{1} << 16;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// The lines of a file that is not kept in memory, but for those that count nothing.
class TableLines {
 public:
  explicit TableLines(const fs::path& path) : path_(path), file_(path) {}

  std::int64_t number() const { return number_; }  // of the line that next() gave

  // The next line, until the next call. None at the end.
  std::optional<std::string_view> next() {
    while (std::optional<std::string_view> line = next_of_any()) {
      if (number_ == 1 && line->starts_with("\xEF\xBB\xBF")) line->remove_prefix(3);
      const std::size_t first = line->find_first_not_of(" \t\r");
      if (first != std::string_view::npos && (*line)[first] != '#') return line;
    }
    return {};
  }

 private:
  std::optional<std::string_view> next_of_any() {
    std::size_t end = text_.find('\n', at_);
    while (end == std::string::npos && more()) end = text_.find('\n', at_);
    if (at_ == text_.size()) return {};
    ++number_;
    std::string_view line = std::string_view(text_).substr(at_, end - at_);
    at_ = end == std::string::npos ? text_.size() : end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  bool more() {
    throw_if_interrupted();
    text_.erase(0, at_);
    at_ = 0;
    if (text_.size() > longest_line) {
      fail("{}:{}: the line has more than {} bytes", path_.string(), number_ + 1, longest_line);
    }
    const std::size_t before = text_.size();
    text_.resize(before + table_block);
    const std::size_t count = file_.read(std::span(text_).subspan(before));
    text_.resize(before + count);
    return count > 0;
  }

  fs::path path_;
  RegularFile file_;
  std::string text_;
  std::size_t at_ = 0;
  std::int64_t number_ = 0;
};

std::string_view without_quotes(std::string_view field) {
  const auto trim = [&] {
    field.remove_prefix(std::min(field.find_first_not_of(" \t"), field.size()));
    field = field.substr(0, field.find_last_not_of(" \t") + 1);
  };
  trim();
  for (const char quote : {'"', '\''}) {
    if (field.size() >= 2 && field.front() == quote && field.back() == quote) {
      field = field.substr(1, field.size() - 2);
      trim();
    }
  }
  return field;
}

char separator_of(std::string_view line) {
  for (const char separator : {'\t', ';', ','}) {
    if (line.find(separator) != std::string_view::npos) return separator;
  }
  return ' ';
}

void split(std::string_view line, char separator, std::vector<std::string_view>& fields) {
  fields.clear();
  if (separator == ' ') {
    fields = words_of(line);
    for (std::string_view& field : fields) field = without_quotes(field);
    return;
  }
  for (;;) {
    const std::size_t end = line.find(separator);
    fields.push_back(without_quotes(line.substr(0, end)));
    if (end == std::string_view::npos) return;
    line.remove_prefix(end + 1);
  }
}

// The number that a field is, NaN for one that was not measured; none if it is neither.
std::optional<double> value_of(std::string_view field, char separator) {
  constexpr std::array<std::string_view, 5> missing = {"", "nan", "na", "null", "-"};
  if (field.size() <= 4 && std::ranges::find(missing, lower(field)) != missing.end()) {
    return not_measured;
  }
  std::string with_point;
  if (separator != ',' && field.find(',') != std::string_view::npos) {
    with_point = field;
    std::ranges::replace(with_point, ',', '.');
    field = with_point;
  }
  if (field.starts_with('+')) field.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size() || !std::isfinite(value)) {
    return {};
  }
  return value;
}

bool has_text(const std::vector<std::string_view>& fields, char separator) {
  return std::ranges::any_of(
      fields, [&](std::string_view field) { return !value_of(field, separator).has_value(); });
}

// "MLII (mV)", "Time [s]": the name without its unit, which goes to `units`.
std::string_view name_and_units(std::string_view field, std::string& units) {
  const std::size_t open = field.find_last_of("([");
  if (open == std::string_view::npos || !(field.ends_with(')') || field.ends_with(']'))) {
    return field;
  }
  units = utf8(without_quotes(field.substr(open + 1, field.size() - open - 2)));
  return without_quotes(field.substr(0, open));
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, lower(name)) != names.end();
}

// Seconds of a unit of time; none of what is none.
std::optional<double> seconds_per(std::string_view units) {
  if (is_one_of(units, {"", "s", "sec", "second", "seconds"})) return 1;
  if (is_one_of(units, {"ms", "msec", "millisecond", "milliseconds"})) return 1e-3;
  if (is_one_of(units, {"us", "\u00B5s", "\u03BCs", "microseconds"})) return 1e-6;
  if (is_one_of(units, {"min", "minutes"})) return 60;
  return {};
}

bool is_name_of_time(std::string_view name) {
  return is_one_of(name,
                   {"time", "elapsed time", "t", "s", "sec", "seconds", "ms", "milliseconds"});
}

void take_columns(SampleTable& table, const std::vector<std::string_view>& names,
                  const std::vector<std::string_view>& units) {
  for (std::size_t i = 0; i < table.width; ++i) {
    TableColumn column{.name = {}, .place = i};
    std::string unit;
    if (i < names.size()) column.name = utf8(name_and_units(names[i], unit));
    if (i < units.size()) unit = utf8(units[i]);
    if (!table.time && is_name_of_time(column.name)) {
      if (unit.empty() && seconds_per(column.name)) unit = column.name;
      const std::optional<double> seconds = seconds_per(unit);
      if (!seconds) {
        fail("{}: the times are in '{}', expected s, ms, us or min", table.path.string(),
             excerpt(unit));
      }
      table.time = i;
      table.time_unit = *seconds;
      continue;
    }
    const bool counts = is_one_of(column.name, {"", "sample", "sample #", "samples", "index", "#"});
    if (!names.empty() && table.width > 1 && counts) continue;
    if (!unit.empty()) column.units = unit;
    table.columns.push_back(std::move(column));
  }
}

// The fields of the lines of samples, one line after another.
class TableRows {
 public:
  explicit TableRows(const SampleTable& table) : table_(table), lines_(table.path) {}

  bool next() {
    std::optional<std::string_view> line = lines_.next();
    while (line && lines_.number() < table_.first_line) line = lines_.next();
    if (!line) return false;
    split(*line, table_.separator, fields_);
    if (fields_.size() != table_.width) {
      fail("{}:{}: found {} columns, expected {}", table_.path.string(), lines_.number(),
           fields_.size(), table_.width);
    }
    return true;
  }

  double value(std::size_t column) const {
    const std::optional<double> value = value_of(fields_[column], table_.separator);
    if (!value) refuse("found '{}', expected a number", excerpt(fields_[column]));
    return *value;
  }

  // In seconds.
  double time() const {
    const double time = value(*table_.time);
    if (std::isnan(time)) refuse("found no time, expected a number");
    return time * table_.time_unit;
  }

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    fail("{}:{}: {}", table_.path.string(), lines_.number(),
         fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  const SampleTable& table_;
  TableLines lines_;
  std::vector<std::string_view> fields_;
};

// The steps of a table's times, in seconds, one after another.
template <class Take>
void for_each_step(const SampleTable& table, Take take) {
  TableRows rows(table);
  std::optional<double> before;
  while (rows.next()) {
    const double time = rows.time();
    if (before) {
      if (time <= *before) rows.refuse("the time is not after that of the sample before");
      if (!take(time - *before)) return;
    }
    before = time;
  }
}

bool is_gap(double step, double usual) {
  return step > 1.5 * usual;
}

// Times that are printed with few digits have uneven steps, whose sum is right.
double rate_of_times(const SampleTable& table) {
  constexpr std::size_t enough = 1000;
  std::vector<double> some;
  for_each_step(table, [&](double step) {
    some.push_back(step);
    return some.size() < enough;
  });
  if (some.empty()) fail("{}: has one sample, expected 2 or more", table.path.string());
  const auto middle = some.begin() + static_cast<std::ptrdiff_t>(some.size() / 2);
  std::ranges::nth_element(some, middle);
  const double usual = *middle;
  double sum = 0;
  std::int64_t even = 0;
  std::int64_t uneven = 0;
  for_each_step(table, [&](double step) {
    if (is_gap(step, usual) || step < 0.5 * usual) {
      ++uneven;
    } else {
      sum += step;
      ++even;
    }
    return true;
  });
  if (uneven > even / 9) {
    fail("{}: the times are not even: {} of {} steps are not about {} s", table.path.string(),
         uneven, even + uneven, usual);
  }
  const double rate = static_cast<double>(even) / sum;
  const double whole = std::round(rate);
  return std::abs(rate - whole) * sum < 0.5 ? whole : rate;
}

// How many samples on a row is from the one before.
class RowSteps {
 public:
  explicit RowSteps(const SampleTable& table) : table_(table) {}

  std::int64_t to(const TableRows& row) {
    if (!table_.time) return 1;
    const double time = row.time();
    const double step = std::isnan(before_) ? 1 : (time - before_) * table_.rate;
    before_ = time;
    return is_gap(step, 1) ? std::llround(std::min(step, 1e15)) : 1;
  }

 private:
  const SampleTable& table_;
  double before_ = not_measured;  // the time of the row before
};

}  // namespace

SampleTable read_sample_table(const fs::path& path, double rate) {
  SampleTable table{.path = path, .rate = rate, .columns = {}, .time = {}};
  TableLines lines(path);
  std::optional<std::string_view> line = lines.next();
  if (!line) fail("{}: holds no samples", path.string());
  table.separator = separator_of(*line);
  std::array<std::string, 2> texts;                       // of lines, which the next one overwrites
  std::array<std::vector<std::string_view>, 2> headings;  // names, units
  std::vector<std::string_view> fields;
  split(*line, table.separator, fields);
  for (std::size_t i = 0; i < headings.size() && has_text(fields, table.separator); ++i) {
    texts[i] = *line;
    split(texts[i], table.separator, headings[i]);
    line = lines.next();
    if (!line) fail("{}: holds no samples", path.string());
    split(*line, table.separator, fields);
  }
  table.width = fields.size();
  table.first_line = lines.number();
  for (const auto& heading : headings) {
    if (!heading.empty() && heading.size() != table.width) {
      fail("{}:{}: found {} columns, expected {} as in the line of names", path.string(),
           table.first_line, table.width, heading.size());
    }
  }
  take_columns(table, headings[0], headings[1]);
  if (table.columns.empty()) fail("{}: has no column of samples", path.string());
  if (table.rate == 0 && !table.time) {
    fail_option({"rate"}, "{}: has no column of times; give the rate of the samples",
                path.string());
  }
  if (!table.time) return table;
  const double of_times = rate_of_times(table);
  if (rate != 0 && std::abs(of_times / rate - 1) > 0.01) {
    fail_option({"rate"}, "{}: the rate is {} Hz by its times, not {} Hz", path.string(), of_times,
                rate);
  }
  table.rate = of_times;
  return table;
}

std::vector<float> read_table_millivolts(const SampleTable& table, std::size_t column) {
  const TableColumn& wanted = table.columns.at(column);
  const std::optional<double> unit = millivolts_per(wanted.units);
  if (!unit) {
    fail("{}: the units of column {} are '{}', expected a voltage (mV, uV, nV, V)",
         table.path.string(), wanted.name.empty() ? std::to_string(column) : wanted.name,
         excerpt(wanted.units));
  }
  std::vector<float> values;
  RowSteps steps(table);
  std::int64_t gaps = 0;
  for (TableRows rows(table); rows.next();) {
    const std::int64_t step = steps.to(rows);
    gaps += step - 1;
    if (gaps > most_gap_samples || std::ssize(values) + step > most_lead_samples) {
      rows.refuse("more than the {} samples, {} of them in gaps, that can be read",
                  most_lead_samples, most_gap_samples);
    }
    values.resize(values.size() + static_cast<std::size_t>(step - 1),
                  std::numeric_limits<float>::quiet_NaN());
    const auto value = static_cast<float>(rows.value(wanted.place) * *unit);
    if (std::isinf(value)) rows.refuse("the sample is beyond the range of floats");
    values.push_back(value);
  }
  return values;
}

}  // namespace ekgine
