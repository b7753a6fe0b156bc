// Enums whose values have names, in files and on the command line.
//
//   enum class Schedule { cosine, constant };
//   constexpr auto choices_of(Schedule) {
//     return std::to_array<Choice<Schedule>>(
//         {{Schedule::cosine, "cosine"}, {Schedule::constant, "constant"}});
//   }
//
// Inside, a choice is a value; it is a text only where it comes from or goes to people. Names that
// values had before, beside choices_of() and of the same type, are still read and never written:
//
//   constexpr auto older_names_of(Schedule) { ... }
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ekgine {

template <class E>
struct Choice {
  E value;
  std::string_view name;
};

template <class E>
concept NamedChoice = std::is_enum_v<E> && requires(E value) {
  choices_of(value);
};

template <NamedChoice E>
std::string choice_name(E value) {
  for (const Choice<E>& choice : choices_of(E{})) {
    if (choice.value == value) return std::string(choice.name);
  }
  return "?";  // a value that cannot be chosen
}

template <NamedChoice E>
std::vector<std::string> choice_names() {
  std::vector<std::string> names;
  for (const Choice<E>& choice : choices_of(E{})) names.emplace_back(choice.name);
  return names;
}

// The value of that name, today's or before, if there is one.
template <NamedChoice E>
std::optional<E> choice_named(std::string_view name) {
  for (const Choice<E>& choice : choices_of(E{})) {
    if (choice.name == name) return choice.value;
  }
  if constexpr (requires { older_names_of(E{}); }) {
    for (const Choice<E>& choice : older_names_of(E{})) {
      if (choice.name == name) return choice.value;
    }
  }
  return std::nullopt;
}

}  // namespace ekgine
