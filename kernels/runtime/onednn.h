// oneDNN as kernels use it: one engine of the process, primitives kept per shape, scratchpads from
// the workspace.
//
// Only kernels/*.cpp include this, and what they are timed against (bench/composed_kernels.cpp);
// contracts know nothing of oneDNN. Its threads are OpenMP's, so thread_count() governs both.
// Versions 2 and 3 are told apart in onednn.cpp alone.
#pragma once

#include <dnnl.hpp>
#include <map>
#include <unordered_map>
#include <utility>

#include "kernels/runtime/cpu.h"

namespace ekgine::onednn {

using Desc = dnnl::memory::desc;
using Layout = dnnl::memory::format_tag;
using Arguments = std::unordered_map<int, dnnl::memory>;

const dnnl::engine& engine();

// Attributes that every primitive is created with: its scratchpad is the caller's memory.
dnnl::primitive_attr attributes();

// An array of floats in a plain layout.
inline Desc floats(const dnnl::memory::dims& dims, Layout layout) {
  return {dims, dnnl::memory::data_type::f32, layout};
}

// The caller's array as oneDNN sees it. Its interface knows no const: arrays given as sources are
// only read.
template <class T>
dnnl::memory wrap(const Desc& desc, const T* data) {
  return {desc, engine(), const_cast<T*>(data)};
}

// A primitive and the scratch memory that it asks for.
struct Primitive {
  dnnl::primitive primitive;
  Desc scratchpad;

  Primitive() = default;  // runs nothing
  // c = a·b, plus `bias` where that is no empty description.
  static Primitive product(const Desc& a, const Desc& b, const Desc& bias, const Desc& c,
                           const dnnl::primitive_attr& attributes);
  // Runs to the end, with its scratchpad from the workspace.
  void run(const Cpu& cpu, Arguments arguments) const;

 private:
  Primitive(dnnl::primitive p, Desc s) : primitive(std::move(p)), scratchpad(s) {}
};

// What was created for a shape, kept for good: creating a primitive generates machine code, which
// takes longer than running a small one. Not shared between threads: declare it thread_local.
template <class Key, class Value>
class PerShape {
 public:
  // The value for `key` and the present thread count, made by make() at its first use.
  template <class Make>
  const Value& get(const Key& key, const Make& make) {
    const std::pair<int, Key> full(thread_count(), key);
    const auto found = values_.find(full);
    if (found != values_.end()) return found->second;
    return values_.emplace(full, make()).first->second;
  }

 private:
  std::map<std::pair<int, Key>, Value> values_;
};

}  // namespace ekgine::onednn
