// EXPECT_ERROR(statement, "text"): the statement throws ekgine::Error, its text is one line and
// contains the given one (a gmock matcher on the whole text works too).
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace ekgine::testing {

// The text of the Error that `statement` throws, or why there is none.
template <class Statement>
std::string error_text(Statement&& statement) {
  try {
    statement();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("[another exception: ") + error.what() + "]";
  }
  return "[no exception]";
}

inline ::testing::Matcher<std::string> contains(const char* text) {
  return ::testing::HasSubstr(text);
}
inline ::testing::Matcher<std::string> contains(const std::string& text) {
  return ::testing::HasSubstr(text);
}
inline ::testing::Matcher<std::string> contains(const ::testing::Matcher<std::string>& matcher) {
  return matcher;
}

}  // namespace ekgine::testing

#define EXPECT_ERROR(statement, expected)                                  \
  EXPECT_THAT(::ekgine::testing::error_text([&]() -> void { statement; }), \
              ::testing::AllOf(::ekgine::testing::contains(expected),      \
                               ::testing::Not(::testing::HasSubstr("\n"))))
