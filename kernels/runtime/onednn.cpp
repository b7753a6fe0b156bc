#include "kernels/runtime/onednn.h"

#include "kernels/runtime/instruction_set.h"

namespace ekgine::onednn {

namespace {

dnnl::cpu_isa isa_of(InstructionSet set) {
  if (set == InstructionSet::baseline) return dnnl::cpu_isa::sse41;  // its lowest
  return set == InstructionSet::avx2 ? dnnl::cpu_isa::avx2 : dnnl::cpu_isa::avx512_core;
}

// Left alone it takes the best there is.
dnnl::engine make_engine() {
  if (instruction_set_was_asked_for()) dnnl::set_max_cpu_isa(isa_of(instruction_set()));
  return {dnnl::engine::kind::cpu, 0};
}

}  // namespace

const dnnl::engine& engine() {
  static const dnnl::engine cpu = make_engine();
  return cpu;
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

Primitive Primitive::product(const Desc& a, const Desc& b, const Desc& bias, const Desc& c,
                             const dnnl::primitive_attr& attributes) {
  const bool with_bias = bias.get_size() != 0;
  using Matmul = dnnl::matmul;
#if DNNL_VERSION_MAJOR >= 3  // an operation is no longer described apart from its primitive
  const Matmul::primitive_desc desc =
      with_bias ? Matmul::primitive_desc(onednn::engine(), a, b, bias, c, attributes)
                : Matmul::primitive_desc(onednn::engine(), a, b, c, attributes);
#else
  const Matmul::primitive_desc desc(with_bias ? Matmul::desc(a, b, bias, c) : Matmul::desc(a, b, c),
                                    attributes, onednn::engine());
#endif
  return {Matmul(desc), desc.scratchpad_desc()};
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
