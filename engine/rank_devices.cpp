#include "engine/rank_devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "engine/check_same.h"
#if EKGINE_HAS_CUDA
#include "kernels/runtime/cuda_communicator.h"
#include "kernels/runtime/cuda_device.h"
#endif

namespace ekgine {

namespace {

std::string name_of_rank(const std::vector<RankGpus>& all, std::size_t rank) {
  return fmt::format("rank {} on {}", rank, all[rank].host);
}

// The number of every rank among those of its machine.
std::vector<std::size_t> local_numbers(const std::vector<RankGpus>& all) {
  std::map<std::string, std::size_t> met;
  std::vector<std::size_t> numbers;
  numbers.reserve(all.size());
  for (const RankGpus& rank : all) numbers.push_back(met[rank.host]++);
  return numbers;
}

std::vector<DeviceChoice> own_devices(const std::vector<RankGpus>& all, DeviceChoice choice) {
  const std::vector<std::size_t> numbers = local_numbers(all);
  std::map<std::pair<std::string, std::string>, std::size_t> taken;
  std::vector<DeviceChoice> choices;
  for (std::size_t r = 0; r < all.size(); ++r) {
    const std::vector<std::string>& gpus = all[r].addresses;
    std::size_t ordinal = static_cast<std::size_t>(ordinal_of(choice));
    // A scheduler that gives each rank a GPU shows it no other.
    if (choice <= DeviceChoice::cuda) ordinal = gpus.size() == 1 ? 0 : numbers[r];
    if (ordinal >= gpus.size()) {
      throw AgreedError(
          fmt::format("{}: there is no CUDA device {} for it, it sees {}; start as "
                      "many ranks on a machine as it has GPUs",
                      name_of_rank(all, r), ordinal, gpus.size()));
    }
    const auto [other, free] = taken.try_emplace({all[r].host, gpus[ordinal]}, r);
    if (!free) {
      throw AgreedError(
          fmt::format("ranks {} and {} on {} have the same GPU, {}; each needs one "
                      "of its own",
                      other->second, r, all[r].host, gpus[ordinal]));
    }
    choices.push_back(static_cast<DeviceChoice>(static_cast<int>(DeviceChoice::cuda_0) +
                                                static_cast<int>(ordinal)));
  }
  return choices;
}

}  // namespace

RankGpus own_gpus() {
  RankGpus own{host_name(), {}};
#if EKGINE_HAS_CUDA
  for (int ordinal = 0; ordinal < CudaDevice::count(); ++ordinal) {
    if (!CudaDevice::unusable(ordinal).empty()) break;
    own.addresses.push_back(CudaDevice::bus_address(ordinal));
  }
#endif
  return own;
}

std::string device_ranks_library() {
#if EKGINE_HAS_CUDA
  return CudaCommunicator::library();
#else
  return "";
#endif
}

std::vector<DeviceChoice> devices_of_ranks(const std::vector<RankGpus>& all, DeviceChoice choice) {
  if (asks_for_cuda(choice)) return own_devices(all, choice);
  if (choice == DeviceChoice::automatic) {
    try {
      return own_devices(all, choice);
    } catch (const AgreedError&) {  // not one for each
    }
  }
  return std::vector<DeviceChoice>(all.size(), DeviceChoice::cpu);
}

DeviceChoice device_of_rank(Ranks& ranks, DeviceChoice choice) {
  if (choice == DeviceChoice::automatic && device_ranks_library().empty()) {
    choice = DeviceChoice::cpu;
  }
  const RankGpus own = own_gpus();
  const std::vector<std::string> hosts = ranks.gather_texts(own.host);
  const std::vector<std::string> addresses =
      ranks.gather_texts(fmt::format("{}", fmt::join(own.addresses, ",")));
  std::vector<RankGpus> all;
  for (std::size_t r = 0; r < hosts.size(); ++r) {
    all.push_back({hosts[r], {}});
    for (std::size_t begin = 0; begin < addresses[r].size();) {
      const std::size_t end = std::min(addresses[r].find(',', begin), addresses[r].size());
      all.back().addresses.push_back(addresses[r].substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return devices_of_ranks(all, choice)[static_cast<std::size_t>(ranks.rank())];
}

}  // namespace ekgine
