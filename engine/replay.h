// Work on a device that is done again and again, recorded once.
//
// On CUDA a step is some hundred launches; asked for one by one, each costs the host a few
// microseconds, more than many a kernel takes. A captured graph is one launch.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "engine/device.h"

namespace ekgine {

class Replay {
 public:
  // What the work's launches depend on: its shapes, or its kind, its size and whose it is.
  using Key = std::array<std::int64_t, 3>;

  // The device outlives it.
  explicit Replay(Device& device);
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;
  ~Replay();

  // Queues `work` on the device. On the CPU that is a call. On CUDA the first call under a key is
  // one, too (libraries choose algorithms, kernels are loaded); the second captures a graph, and
  // from then on it is launched and `work` is not called. So what work does must follow from the
  // key alone; everything else it reads from the device's memory, at fixed addresses (see
  // Device::set_step, Arena::Plan), and it neither waits nor allocates nor copies to or from the
  // host. EKGINE_GRAPH=0 in the environment, or EKGINE_SYNC=1, turns graphs off; while the device
  // has a profile they are not used, since a graph does not tell its kernels' times.
  void run(const Key& key, const std::function<void()>& work);

  // Graphs captured so far. At most `most_graphs`: work under further keys is called every time,
  // and a notice says so.
  std::int64_t graphs() const;
  static constexpr std::int64_t most_graphs = 64;

 private:
  struct Graphs;
  Device& device_;
  std::unique_ptr<Graphs> graphs_;  // null where there are none
};

}  // namespace ekgine
