#include "engine/device.h"

#include "base/error.h"

namespace ekgine {

namespace {

BackEnd make_back_end(DType type, Workspace& workspace) {
  switch (type) {
    case DType::f32:
      return CpuBackEnd<float>{{workspace}};
    case DType::f64:
      return CpuBackEnd<double>{{workspace}};
    case DType::i32:
      break;
  }
  fail("device: {} is no type to compute in (f32, f64 are)", name_of(type));
}

}  // namespace

Device::Device(DType type, const Options& options)
    : type_(type),
      activations_("activations", options.activation_reserve, options.guarded),
      workspace_(options.workspace_reserve),
      back_end_(make_back_end(type, workspace_)) {}

}  // namespace ekgine
