#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace ekgine {

namespace {

using Writable = nlohmann::ordered_json;

[[noreturn]] void refuse(const std::string& text) {
  throw JsonError(text);
}

}  // namespace

Json::Json(std::nullptr_t) : value_(nullptr) {}
Json::Json(bool value) : value_(value) {}
Json::Json(int value) : Json(static_cast<long long>(value)) {}
Json::Json(unsigned value) : Json(static_cast<unsigned long long>(value)) {}
Json::Json(long value) : Json(static_cast<long long>(value)) {}
Json::Json(unsigned long value) : Json(static_cast<unsigned long long>(value)) {}
Json::Json(long long value) {
  if (value < 0) {
    value_ = static_cast<std::int64_t>(value);
  } else {
    value_ = static_cast<std::uint64_t>(value);
  }
}
Json::Json(unsigned long long value) : value_(static_cast<std::uint64_t>(value)) {}
Json::Json(double value) : value_(value) {}
Json::Json(const char* value) : value_(std::string(value)) {}
Json::Json(std::string_view value) : value_(std::string(value)) {}
Json::Json(std::string value) : value_(std::move(value)) {}
template <class T>
Json::Json(const std::vector<T>& list) : value_(List(list.begin(), list.end())) {}
template Json::Json(const std::vector<Json>&);
template Json::Json(const std::vector<int>&);
template Json::Json(const std::vector<std::int64_t>&);
template Json::Json(const std::vector<std::uint64_t>&);
template Json::Json(const std::vector<double>&);
template Json::Json(const std::vector<std::string>&);
template Json::Json(const std::vector<std::vector<std::int64_t>>&);
template Json::Json(const std::vector<std::vector<std::string>>&);

Json::Json(std::initializer_list<Member> members) : value_(Members()) {
  for (const Member& member : members) (*this)[member.key] = member.value;
}

Json Json::array(std::initializer_list<Json> elements) {
  Json list;
  list.value_ = List(elements);
  return list;
}
Json Json::object(std::initializer_list<Member> members) {
  return members;
}

// Not the variant's own copy: without memory for it, libstdc++ 12 destroys a variant that holds
// nothing yet as if it held something, where all alternatives can be moved without an exception.
Json::Json(const Json& other) : value_(nullptr) {
  std::visit(
      [this]<class Held>(const Held& held) {
        Held copy = held;
        value_.emplace<Held>(std::move(copy));
      },
      other.value_);
}
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(Json other) noexcept {
  value_.swap(other.value_);
  return *this;
}
Json::~Json() = default;

bool Json::is_null() const {
  return std::holds_alternative<std::nullptr_t>(value_);
}
bool Json::is_boolean() const {
  return std::holds_alternative<bool>(value_);
}
bool Json::is_number() const {
  return is_number_integer() || is_number_float();
}
bool Json::is_number_integer() const {
  return std::holds_alternative<std::int64_t>(value_) || is_number_unsigned();
}
bool Json::is_number_unsigned() const {
  return std::holds_alternative<std::uint64_t>(value_);
}
bool Json::is_number_float() const {
  return std::holds_alternative<double>(value_);
}
bool Json::is_string() const {
  return std::holds_alternative<std::string>(value_);
}
bool Json::is_array() const {
  return std::holds_alternative<List>(value_);
}
bool Json::is_object() const {
  return std::holds_alternative<Members>(value_);
}

const char* Json::type_name() const {
  if (is_null()) return "null";
  if (is_boolean()) return "boolean";
  if (is_number()) return "number";
  if (is_string()) return "string";
  return is_array() ? "array" : "object";
}

template <class T>
T Json::get() const {
  if constexpr (std::is_same_v<T, Json>) {
    return *this;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return text();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!is_boolean()) refuse(fmt::format("type must be boolean, but is {}", type_name()));
    return std::get<bool>(value_);
  } else if constexpr (std::is_arithmetic_v<T>) {
    if (!is_number()) refuse(fmt::format("type must be number, but is {}", type_name()));
    return std::visit(
        [this]<class Held>(const Held& held) -> T {
          if constexpr (std::is_same_v<Held, std::int64_t> || std::is_same_v<Held, std::uint64_t>) {
            if constexpr (std::is_floating_point_v<T>) {
              return static_cast<T>(held);
            } else if (std::in_range<T>(held)) {
              return static_cast<T>(held);
            }
          } else if constexpr (std::is_same_v<Held, double> && std::is_floating_point_v<T>) {
            return static_cast<T>(held);
          }
          refuse(fmt::format("{} is no integer, or too large", dump()));
        },
        value_);
  } else {
    if (!is_array()) refuse(fmt::format("type must be array, but is {}", type_name()));
    T list;
    for (const Json& element : *this) list.push_back(element.get<typename T::value_type>());
    return list;
  }
}

template bool Json::get() const;
template int Json::get() const;
template std::int64_t Json::get() const;
template std::uint64_t Json::get() const;
template float Json::get() const;
template double Json::get() const;
template std::string Json::get() const;
template Json Json::get() const;
template std::vector<int> Json::get() const;
template std::vector<std::int64_t> Json::get() const;
template std::vector<std::uint64_t> Json::get() const;
template std::vector<double> Json::get() const;
template std::vector<std::string> Json::get() const;
template std::vector<Json> Json::get() const;

const std::string& Json::text() const {
  const auto* text = std::get_if<std::string>(&value_);
  if (text == nullptr) refuse(fmt::format("type must be string, but is {}", type_name()));
  return *text;
}

std::size_t Json::size() const {
  if (is_array()) return std::get<List>(value_).size();
  if (is_object()) return std::get<Members>(value_).size();
  return is_null() ? 0 : 1;
}

const Json* Json::begin() const {
  if (is_null()) return nullptr;
  const auto* list = std::get_if<List>(&value_);
  if (list == nullptr) refuse(fmt::format("type must be array, but is {}", type_name()));
  return list->data();
}
const Json* Json::end() const {
  return begin() + (is_null() ? 0 : size());
}
Json* Json::begin() {
  return const_cast<Json*>(std::as_const(*this).begin());
}
Json* Json::end() {
  return const_cast<Json*>(std::as_const(*this).end());
}

const Json& Json::at(std::size_t index) const {
  const auto* list = std::get_if<List>(&value_);
  if (list == nullptr) refuse(fmt::format("cannot use at() with {}", type_name()));
  if (index >= list->size()) refuse(fmt::format("array index {} is out of range", index));
  return (*list)[index];
}
Json& Json::at(std::size_t index) {
  return const_cast<Json&>(std::as_const(*this).at(index));
}

Json& Json::push_back(Json element) {
  if (is_null()) value_ = List();
  auto* list = std::get_if<List>(&value_);
  if (list == nullptr) refuse(fmt::format("cannot use push_back() with {}", type_name()));
  list->push_back(std::move(element));
  return list->back();
}

const Json::Members& Json::items() const {
  static const Members none;
  if (is_null()) return none;
  const auto* members = std::get_if<Members>(&value_);
  if (members == nullptr) refuse(fmt::format("type must be object, but is {}", type_name()));
  return *members;
}
Json::Members& Json::items() {
  if (is_null()) value_ = Members();
  return const_cast<Members&>(std::as_const(*this).items());
}

const Json* Json::find(std::string_view key) const {
  const auto* members = std::get_if<Members>(&value_);
  if (members == nullptr) return nullptr;
  const auto found = std::ranges::find(*members, key, &Member::key);
  return found == members->end() ? nullptr : &found->value;
}
Json* Json::find(std::string_view key) {
  return const_cast<Json*>(std::as_const(*this).find(key));
}

const Json& Json::at(std::string_view key) const {
  if (!is_object()) refuse(fmt::format("cannot use at() with {}", type_name()));
  const Json* found = find(key);
  if (found == nullptr) refuse(fmt::format("key '{}' not found", key));
  return *found;
}
Json& Json::at(std::string_view key) {
  return const_cast<Json&>(std::as_const(*this).at(key));
}

Json& Json::operator[](std::string_view key) {
  if (Json* found = find(key)) return *found;
  if (!is_object() && !is_null()) {
    refuse(fmt::format("cannot use operator[] with a string argument with {}", type_name()));
  }
  return items().emplace_back(std::string(key), nullptr).value;
}

void Json::update(const Json& object) {
  for (const auto& [key, value] : object.items()) (*this)[key] = value;
}

void Json::erase(std::string_view key) {
  std::erase_if(items(), [&](const Member& member) { return member.key == key; });
}

bool operator==(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_number_float() || b.is_number_float()) return a.get<double>() == b.get<double>();
    return a.value_ == b.value_;
  }
  if (!a.is_object() || !b.is_object()) return a.value_ == b.value_;
  const Json::Members &left = a.items(), &right = b.items();
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const Json* other = right[i].key == left[i].key ? &right[i].value : b.find(left[i].key);
    if (other == nullptr || !(*other == left[i].value)) return false;
  }
  return true;
}

namespace {

// Recursive, as nlohmann's own writing is.
Writable writable(const Json& json) {
  if (json.is_null()) return nullptr;
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_unsigned()) return json.get<std::uint64_t>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number_float()) return json.get<double>();
  if (json.is_string()) return json.text();
  Writable result;
  if (json.is_array()) {
    result = Writable::array();
    for (const Json& element : json) result.push_back(writable(element));
  } else {
    result = Writable::object();
    for (const auto& [key, value] : json.items()) result[key] = writable(value);
  }
  return result;
}

// Makes the value of what nlohmann's parser meets.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  Json finish() { return std::move(value_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(nlohmann::json::binary_t&) override { return false; }  // JSON has none
  bool start_object(std::size_t) override {
    open(Json::object());
    keys_.emplace_back();
    return true;
  }
  bool key(std::string& key) override {
    if (!keys_.back().insert(key).second) fail("{}: '{}' is given twice", source_, key);
    key_ = std::move(key);
    return true;
  }
  bool end_object() override {
    keys_.pop_back();
    return close();
  }
  bool start_array(std::size_t) override {
    open(Json::array());
    return true;
  }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t byte, const std::string&,
                   const nlohmann::json::exception& error) override {
    if (dynamic_cast<const nlohmann::json::parse_error*>(&error) == nullptr) {
      fail("{}: not JSON: holds a number that is too large", source_);
    }
    if (byte > text_.size()) {
      fail("{}: not JSON: it ends too early, after {} bytes", source_, text_.size());
    }
    fail("{}: not JSON: unexpected at byte {} of {}", source_, byte, text_.size());
  }

 private:
  // Lists and objects that are open are the last elements of those around them: none moves while
  // what it holds is open.
  Json& put(Json value) {
    if (open_.empty()) return value_ = std::move(value);
    Json& parent = *open_.back();
    if (parent.is_array()) return parent.push_back(std::move(value));
    return parent.items().emplace_back(std::move(key_), std::move(value)).value;
  }
  bool add(Json value) {
    put(std::move(value));
    return true;
  }
  void open(Json value) {
    if (std::ssize(open_) >= deepest_json) {
      fail("{}: is nested deeper than {} levels", source_, deepest_json);
    }
    open_.push_back(&put(std::move(value)));
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  const std::string& source_;
  Json value_;
  std::vector<Json*> open_;
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
  std::string key_;                          // whose value comes next
};

}  // namespace

std::string Json::dump(int indent, JsonText text) const {
  using Bytes = Writable::error_handler_t;
  try {
    return writable(*this).dump(indent, ' ', text == JsonText::ascii,
                                text == JsonText::utf8 ? Bytes::strict : Bytes::replace);
  } catch (const Writable::type_error&) {
    refuse("a text is not UTF-8");
  }
}

std::ostream& operator<<(std::ostream& out, const Json& json) {
  return out << json.dump(-1, JsonText::replaced);
}

Json parse_json(std::string_view text, const std::string& source) {
  Builder builder(text, source);
  nlohmann::json::sax_parse(text, &builder);
  return builder.finish();
}

}  // namespace ekgine
