#include "engine/replay.h"

#if EKGINE_HAS_CUDA

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "base/console.h"
#include "kernels/runtime/cuda_device.h"

namespace ekgine {

struct Replay::Graphs {
  std::map<Key, std::shared_ptr<CudaDevice::Graph>> of;  // null: seen once
  std::int64_t captured = 0;
};

namespace {

bool graphs_wanted() {
  const char* const value = std::getenv("EKGINE_GRAPH");
  return (value == nullptr || std::string_view(value) != "0") && !synchronous_launches();
}

}  // namespace

Replay::Replay(Device& device) : device_(device) {
  if (!device.on_host() && graphs_wanted()) graphs_ = std::make_unique<Graphs>();
}

Replay::~Replay() = default;

void Replay::run(const Key& key, const std::function<void()>& work) {
  if (!graphs_ || device_.profile() != nullptr) return work();
  const auto [entry, first] = graphs_->of.try_emplace(key);
  if (first) return work();
  if (!entry->second) {
    if (graphs_->captured == most_graphs) {
      notice(
          fmt::format("more than {} shapes of work on the device: further ones are queued kernel "
                      "by kernel, which is slower",
                      most_graphs));
      return work();
    }
    entry->second = device_.cuda_device()->capture(work);
    ++graphs_->captured;
  }
  device_.cuda_device()->launch(*entry->second);
}

std::int64_t Replay::graphs() const {
  return graphs_ ? graphs_->captured : 0;
}

}  // namespace ekgine

#else

namespace ekgine {

struct Replay::Graphs {};

Replay::Replay(Device& device) : device_(device) {}

Replay::~Replay() = default;

void Replay::run(const Key&, const std::function<void()>& work) {
  work();
}

std::int64_t Replay::graphs() const {
  return 0;
}

}  // namespace ekgine

#endif
