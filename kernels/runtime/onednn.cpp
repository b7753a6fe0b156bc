#include "kernels/runtime/onednn.h"

namespace ekgine::onednn {

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

Primitive Primitive::reorder(const Desc& from, const Desc& to) {
  if (from == to) return {};
  return make<dnnl::reorder>({engine(), from, engine(), to, attributes()});
}

void Primitive::run(const Cpu& cpu, Arguments arguments) const {
  Workspace::Scope scratch(cpu.workspace);
  run(scratch.take<std::byte>(scratchpad.get_size()), std::move(arguments));
}

void Primitive::run(std::byte* scratchpad_memory, Arguments arguments) const {
  if (scratchpad.get_size() != 0) {
    arguments.emplace(DNNL_ARG_SCRATCHPAD, wrap(scratchpad, scratchpad_memory));
  }
  static thread_local dnnl::stream stream(engine());
  primitive.execute(stream, arguments);
  stream.wait();
}

}  // namespace ekgine::onednn
