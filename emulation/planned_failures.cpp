#include "emulation/planned_failures.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace ekgine::emulation {

namespace {

struct Failure {
  std::string what;
  int status = 0;
  long from = 1, calls = 0;
};

std::vector<Failure> read_plan(std::string_view rest) {
  std::vector<Failure> plan;
  while (!rest.empty()) {
    const std::string entry(rest.substr(0, rest.find(',')));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    Failure& failure = plan.emplace_back();
    const std::size_t equals = entry.find('=');
    char* end = nullptr;
    if (equals != std::string::npos) {
      failure.what = entry.substr(0, equals);
      failure.status = static_cast<int>(std::strtol(entry.c_str() + equals + 1, &end, 10));
      if (*end == '@') failure.from = std::strtol(end + 1, &end, 10);
    }
    if (end == nullptr || *end != '\0' || failure.status == 0 || failure.from < 1) {
      std::fprintf(stderr, "EKGINE_EMULATED_FAILURE: '%s' is no WHAT=STATUS[@N]\n", entry.c_str());
      std::abort();
    }
  }
  return plan;
}

}  // namespace

int planned_failure(std::string_view what) {
  const char* const set = std::getenv("EKGINE_EMULATED_FAILURE");
  const std::string_view text = set == nullptr ? "" : set;
  // It is another one in a test that sets it.
  static std::string known;
  static std::vector<Failure> plan;
  if (text != known) {
    plan = read_plan(text);
    known = text;
  }
  for (Failure& failure : plan) {
    if (failure.what == what && ++failure.calls >= failure.from) return failure.status;
  }
  return 0;
}

}  // namespace ekgine::emulation
