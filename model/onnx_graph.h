// A file of ONNX, as far as it is written here: a graph of float tensors, node by node.
//
// Messages and numbers of their fields are those of onnx.proto3 of ONNX 1.12
// (https://github.com/onnx/onnx/blob/v1.12.0/onnx/onnx.proto3): IR version 8, operators of opset 17
// (its Operators.md), which ONNX Runtime knows since 1.12. They are written by
// base/tfrecord.h and not by ONNX's own library: that would be a dependency on every system, with
// protobuf's library and compiler behind it, for seven messages that are never read.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/tfrecord.h"

namespace ekgine {

// Of a ModelProto: what stands in the file beside its graph.
struct OnnxModelText {
  std::string producer, version, description;
  std::map<std::string, std::string> metadata;
};

// A float tensor that goes in or comes out: its first extent is any number, called "batch".
struct OnnxValue {
  static constexpr std::int64_t any = -1;  // an extent that is any number, called "beats"
  std::string name, description;
  std::vector<std::int64_t> shape;  // of an element of the batch
};

class OnnxGraph {
 public:
  using Attribute =
      std::pair<const char*, std::variant<std::int64_t, float, std::vector<std::int64_t>>>;
  using Attributes = std::vector<Attribute>;
  using Names = std::vector<std::string>;

  // Constants; the names, which no other tensor has, are returned. `values` fill the shape.
  std::string add_floats(const std::string& name, std::span<const std::int64_t> shape,
                         std::span<const float> values);
  std::string add_integers(const std::string& name, const std::vector<std::int64_t>& values);

  // A node; its inputs are there already, "" is an output that nobody wants.
  void add_node(const char* op, const Names& inputs, const Names& outputs,
                const Attributes& attributes = {});
  // A node of one output, which gets a name of its own that begins with `where`.
  std::string add(const char* op, const std::string& where, const Names& inputs,
                  const Attributes& attributes = {});

  // The whole file.
  std::string file(const OnnxValue& input, const OnnxValue& output,
                   const OnnxModelText& text) const;

 private:
  ProtobufMessage nodes_, constants_;  // fields of the GraphProto
  int count_ = 0;                      // of names given
};

}  // namespace ekgine
