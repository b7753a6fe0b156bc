#include "model/state_dict.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace ekgine {

namespace {

bool is_trainable(const std::string& name) {
  return !name.starts_with("normalisation.") && !name.ends_with(".running_mean") &&
         !name.ends_with(".running_variance");
}

}  // namespace

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("({})", fmt::join(shape, ","));
}

std::int64_t count_trainable(const StateDict& state) {
  std::int64_t count = 0;
  for (const auto& [name, array] : state) {
    if (is_trainable(name)) count += std::ssize(array.values);
  }
  return count;
}

void check_finite(const StateDict& state, const std::string& source) {
  for (const auto& [name, array] : state) {
    const auto bad =
        std::ranges::find_if_not(array.values, [](float v) { return std::isfinite(v); });
    if (bad != array.values.end()) {
      fail("{}: {} holds {} at element {}, expected finite numbers", source, name, *bad,
           bad - array.values.begin());
    }
  }
}

std::string describe(const StateDict& state) {
  std::size_t name_width = 4, shape_width = 5;
  for (const auto& [name, array] : state) {
    name_width = std::max(name_width, name.size());
    shape_width = std::max(shape_width, shape_text(array.shape).size());
  }
  std::string text =
      fmt::format("{:<{}}  {:<{}}  {:>8}\n", "name", name_width, "shape", shape_width, "size");
  for (const auto& [name, array] : state) {
    text += fmt::format("{:<{}}  {:<{}}  {:>8}\n", name, name_width, shape_text(array.shape),
                        shape_width, array.values.size());
  }
  return text + fmt::format("{} trainable parameters\n", count_trainable(state));
}

}  // namespace ekgine
