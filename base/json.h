// A JSON value: null, a boolean, a number, a text, a list or an object.
//
// Objects keep their keys in the order in which they were put in, and write them so. Whole numbers
// are kept whole, from the least int64 to the largest uint64; all others are doubles.
//
// A null becomes a list by push_back(), an object by what changes members. Nothing else changes the
// kind of a value but assigning to it.
//
// Values are copied, compared, written and destroyed recursively. What is parsed is no deeper than
// deepest_json; whoever builds values deeper than that answers for the stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ekgine {

// A value is not what was asked of it: of another kind, without that key or element. Its text says
// what, but not where the value is from: whoever reads a file turns it into an Error, or checks
// first (json_value() of base/json_file.h).
class JsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// How dump() writes texts.
enum class JsonText {
  utf8,      // as they are. JsonError: one is no UTF-8
  replaced,  // bytes that are no UTF-8 as U+FFFD
  ascii,     // the same, and what is not ASCII by \u and its number
};

class Json {
 public:
  struct Member;  // of an object: key, value
  using List = std::vector<Json>;
  using Members = std::vector<Member>;

  Json(std::nullptr_t = nullptr);
  Json(bool value);
  Json(int value);
  Json(unsigned value);
  Json(long value);
  Json(unsigned long value);
  Json(long long value);
  Json(unsigned long long value);
  Json(double value);
  Json(const char* value);
  Json(std::string_view value);
  Json(std::string value);
  Json(const void*) = delete;  // would be a boolean

  // A list. T: Json, int, std::int64_t, std::uint64_t, double, std::string, or a vector of
  // std::int64_t or of std::string.
  template <class T>
  Json(const std::vector<T>& list);

  // An object: {{"a", 1}, {"b", {{"c", 2}}}}. Braces make nothing else: a list is array({1, 2}). A
  // key that comes twice has its last value.
  Json(std::initializer_list<Member> members);

  static Json array(std::initializer_list<Json> elements = {});
  static Json object(std::initializer_list<Member> members = {});

  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(Json other) noexcept;  // which may be a part of this one
  ~Json();

  bool is_null() const;
  bool is_boolean() const;
  bool is_number() const;
  bool is_number_integer() const;   // a whole number that is no double: 1, not 1.0
  bool is_number_unsigned() const;  // such a one from 0 on
  bool is_number_float() const;     // a double
  bool is_string() const;
  bool is_array() const;
  bool is_object() const;
  // null, boolean, number, string, array or object.
  const char* type_name() const;

  // The value as bool, int, std::int64_t, std::uint64_t, float, double, std::string or Json, or as
  // a std::vector of one of those but bool and float. A whole number is a double, too. JsonError:
  // it is of another kind, or a number that T does not hold.
  template <class T>
  T get() const;
  // The text. JsonError: it is none.
  const std::string& text() const;

  // Of a list or an object; 0 of null, 1 of any other.
  std::size_t size() const;
  bool empty() const { return size() == 0; }

  // A list's elements; none of null. JsonError: any other kind.
  Json* begin();
  Json* end();
  const Json* begin() const;
  const Json* end() const;
  // JsonError: no list, or too short.
  Json& at(std::size_t index);
  const Json& at(std::size_t index) const;
  Json& operator[](std::size_t index) { return at(index); }
  const Json& operator[](std::size_t index) const { return at(index); }
  // Adds to a list or null; returns what was added. JsonError: any other kind.
  Json& push_back(Json element);

  // An object's members in their order; none of null. JsonError: any other kind.
  Members& items();
  const Members& items() const;
  // The value of a key; null pointer where there is none, and of what is no object.
  Json* find(std::string_view key);
  const Json* find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  // JsonError: no object, or no such key.
  Json& at(std::string_view key);
  const Json& at(std::string_view key) const;
  const Json& operator[](std::string_view key) const { return at(key); }
  // Adds a key that is not there, as null, to an object or null. JsonError: any other kind.
  Json& operator[](std::string_view key);
  // Sets all members of another object. JsonError: either is neither an object nor null.
  void update(const Json& object);
  // Takes a key out, if it is there. JsonError: neither an object nor null.
  void erase(std::string_view key);

  // On one line, or with `indent` spaces a level. Doubles are as short as reads back to the same,
  // with a decimal point or exponent; those that are not finite are null.
  std::string dump(int indent = -1, JsonText text = JsonText::utf8) const;

  // Numbers are equal by value, 1 and 1.0 too; objects by their keys and values in any order.
  friend bool operator==(const Json& a, const Json& b);
  // One line, for tests that fail.
  friend std::ostream& operator<<(std::ostream& out, const Json& json);

 private:
  // Whole numbers from 0 on are unsigned.
  std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, List,
               Members>
      value_;
};

struct Json::Member {
  std::string key;
  Json value;

  // Of a const char* or std::string. As a std::string {"a", "b"} would be what lies between two
  // pointers; a template takes no braces.
  template <class Key>
  Member(Key its_key, Json its_value) : key(std::move(its_key)), value(std::move(its_value)) {}

  bool operator==(const Member& other) const = default;
};

// Objects and lists within each other, at most.
inline constexpr int deepest_json = 64;

// The value that `text` is, read strictly. `source` names it in errors: not JSON (with its byte),
// nested too deep, a key twice.
Json parse_json(std::string_view text, const std::string& source = "the text");

}  // namespace ekgine
