// Where tensors live and kernels run: the back end and its memory. The same in builds with CUDA and
// without.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/choice.h"
#include "engine/profile.h"
#include "engine/tensor.h"
#include "kernels/runtime/arena.h"
#include "kernels/runtime/reserved_workspace.h"
#include "kernels/runtime/step.h"

namespace ekgine {

struct BackEnd;  // engine/back_end.h
class CudaDevice;
class Ranks;

// Where to compute; `automatic`: on CUDA where there is a device for it. `cuda` is the first
// device, or one of its own for each of several ranks (engine/rank_devices.h).
enum class DeviceChoice {
  automatic,
  cpu,
  cuda,
  cuda_0,
  cuda_1,
  cuda_2,
  cuda_3,
  cuda_4,
  cuda_5,
  cuda_6,
  cuda_7
};
constexpr auto choices_of(DeviceChoice) {
  using enum DeviceChoice;
  return std::to_array<Choice<DeviceChoice>>({{automatic, "auto"},
                                              {cpu, "cpu"},
                                              {cuda, "cuda"},
                                              {cuda_0, "cuda:0"},
                                              {cuda_1, "cuda:1"},
                                              {cuda_2, "cuda:2"},
                                              {cuda_3, "cuda:3"},
                                              {cuda_4, "cuda:4"},
                                              {cuda_5, "cuda:5"},
                                              {cuda_6, "cuda:6"},
                                              {cuda_7, "cuda:7"}});
}
constexpr bool asks_for_cuda(DeviceChoice choice) {
  return choice >= DeviceChoice::cuda;
}
// The number that it names, from 0 on, or else `otherwise`.
constexpr int ordinal_of(DeviceChoice choice, int otherwise = 0) {
  return choice > DeviceChoice::cuda
             ? static_cast<int>(choice) - static_cast<int>(DeviceChoice::cuda_0)
             : otherwise;
}
// Of processes that are started side by side and know nothing of each other the K-th on a machine:
// from now on Device::open() takes the K-th GPU, in turns where there are fewer, for a choice that
// names none.
void set_process_number(int number);

// What activations are stored as and products are taken of; weights and sums are always f32.
enum class PrecisionChoice {
  f32,
  tf32,  // on CUDA: stored as f32, products of factors rounded to TF32
  bf16,
};
constexpr auto choices_of(PrecisionChoice) {
  using enum PrecisionChoice;
  return std::to_array<Choice<PrecisionChoice>>({{f32, "f32"}, {tf32, "tf32"}, {bf16, "bf16"}});
}

class Device {
 public:
  struct Options {
    // For activations. On the CPU address space, used as far as a step needs it. On CUDA memory; 0
    // for as much as the dry steps before the first real one have planned.
    std::size_t activation_reserve = std::size_t{64} << 30;
    std::size_t workspace_reserve = std::size_t{4} << 30;
    // Activations are NaN-filled and followed by guard words (for tests; slow).
    bool guarded = false;
    // Products of f32 on CUDA may round their factors to TF32, where tensor cores then take them.
    bool tf32 = false;
  };
  static constexpr std::size_t cuda_workspace = std::size_t{256} << 20;

  // `type` is what activations are stored as: f32 or f64 on the CPU, f32 or bf16 on CUDA. On the
  // CPU bf16 is that of images alone; all else, little beside them, is f32.
  static Device cpu(DType type) { return cpu(type, Options()); }
  static Device cpu(DType type, const Options& options);
  // Only in a build with CUDA; see open().
  static Device cuda(int ordinal, DType type);
  static Device cuda(int ordinal, DType type, const Options& options);
  // In a build with CUDA `say` gets a line that names what was chosen and why. Errors: no device
  // for CUDA where it is chosen; tf32 on the CPU.
  static Device open(DeviceChoice choice, PrecisionChoice precision,
                     const std::function<void(const std::string&)>& say);
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  ~Device();

  DType dtype() const {  // Scalar
    return type_;
  }
  DType image_dtype() const {  // Image
    return image_type_;
  }
  DType real_dtype() const {  // Real
    return type_ == DType::bf16 ? DType::f32 : type_;
  }
  // Sum: what ranks add up of their rows.
  DType sum_dtype() const { return on_host() ? DType::f64 : DType::f32; }
  // Whether tensors lie in host memory.
  bool on_host() const { return cuda_ == nullptr; }
  // Lets ranks' devices talk to each other, each rank's own: called by all, before their first
  // step together. Nothing on the CPU, and where this rank is alone. Errors: a build without NCCL;
  // the ranks' silence, also in all that waits for the device from now on.
  void join(Ranks& ranks);
  // "AMD EPYC 7R13 Processor, AVX2, 2 threads", "NVIDIA H200 (sm_90, 140 GiB)"
  std::string description() const;
  // Gives the activations the memory that has been planned, if they have none yet. Before a step
  // that is not dry.
  void back_activations();
  Arena& activations() { return activations_; }
  const Workspace& workspace() const;

  // Calls kernel(back_end) for the back end this device has. Defined in engine/back_end.h, which
  // callers include.
  template <class Kernel>
  void run(const Kernel& kernel);

  // From now on measure() times its work for `profile`, which outlives its use here; null: no more.
  void set_profile(Profile* profile) { profile_ = profile; }
  Profile* profile() const { return profile_; }
  // Calls work() as one span of the profile, if there is one. What work() has queued on the device
  // is then waited for, so that its time is its own.
  template <class Work>
  void measure(const Op& op, Phase phase, const Work& work) {
    const Profile::Span span(profile_, op, phase);
    work();
    if (profile_ != nullptr) wait();
  }
  // Returns when the device has done everything queued so far.
  void wait() const;

  // What the kernels of the following calls read. Does not wait, and does nothing where it is so
  // already: within captured work (engine/replay.h) it must be.
  void set_step(const Step& step);
  const Step& step() const { return step_; }

  // Copies host values into a tensor of this device, converted to its type: queued behind the work
  // so far, the values may be used again at once. And back, waiting for all of it.
  void write(const Tensor& tensor, std::span<const double> values) const;
  void write(const Tensor& tensor, std::span<const float> values) const;
  void write(const Tensor& tensor, std::span<const std::int32_t> values) const;
  std::vector<double> read(const Tensor& tensor) const;
  std::vector<float> read_floats(const Tensor& tensor) const;
  // The same for bytes in the device's memory.
  void write_bytes(void* device, const void* host, std::size_t bytes) const;
  void read_bytes(const void* device, void* host, std::size_t bytes) const;
  // Queues a copy between tensors of this device, of equal size and type.
  void copy(const Tensor& to, const Tensor& from) const;
  // Memory of this device that outlives steps; errors name `purpose`.
  std::unique_ptr<Memory> allocate(const std::string& purpose, std::size_t bytes) const;
  // Such memory for several tensors, which are set to it; zeroed.
  struct Place {
    Tensor& tensor;
    Shape shape;
    DType type;
  };
  std::unique_ptr<Memory> allocate(const std::string& purpose,
                                   std::initializer_list<Place> places) const;

  // Null on the CPU.
  CudaDevice* cuda_device() const { return cuda_.get(); }

 private:
  Device(DType type, const Options& options);
  Device(std::unique_ptr<CudaDevice> cuda, DType type, const Options& options);
  template <class From>
  void write_real(const Tensor& tensor, std::span<const From> values) const;
  template <class To, class From>
  void write_as(const Tensor& tensor, std::span<const From> values) const;
  template <class To>
  std::vector<To> read_real(const Tensor& tensor) const;
  template <class To, class From>
  std::vector<To> read_as(const Tensor& tensor) const;

  DType type_, image_type_;
  std::unique_ptr<CudaDevice> cuda_;              // null on the CPU
  std::unique_ptr<ReservedWorkspace> workspace_;  // of the CPU
  Arena activations_;
  bool planning_ = false;  // activations have addresses only
  std::unique_ptr<BackEnd> back_end_;
  Step step_;
  Profile* profile_ = nullptr;
};

}  // namespace ekgine
