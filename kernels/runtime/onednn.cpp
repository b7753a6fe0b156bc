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

void Primitive::run(const Cpu& cpu, Arguments arguments) const {
  Workspace::Scope scratch(cpu.workspace);
  if (const std::size_t bytes = scratchpad.get_size(); bytes != 0) {
    arguments.emplace(DNNL_ARG_SCRATCHPAD, wrap(scratchpad, scratch.take<std::byte>(bytes)));
  }
  static thread_local dnnl::stream stream(engine());
  primitive.execute(stream, arguments);
  stream.wait();
}

}  // namespace ekgine::onednn
