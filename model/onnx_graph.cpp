#include "model/onnx_graph.h"

#include <fmt/format.h>

#include <string_view>

namespace ekgine {

namespace {

// Numbers of fields and of kinds.
namespace onnx_model {
constexpr int ir_version = 1, producer_name = 2, producer_version = 3, doc_string = 6, graph = 7,
              opset_import = 8, metadata_props = 14;
}
namespace onnx_opset {
constexpr int domain = 1, version = 2;
}
namespace onnx_entry {
constexpr int key = 1, value = 2;
}
namespace onnx_graph {
constexpr int node = 1, name = 2, initializer = 5, input = 11, output = 12;
}
namespace onnx_node {
constexpr int input = 1, output = 2, name = 3, op_type = 4, attribute = 5;
}
namespace onnx_attribute {
constexpr int name = 1, f = 2, i = 3, ints = 8, type = 20;
constexpr int of_float = 1, of_int = 2, of_ints = 7;
}  // namespace onnx_attribute
namespace onnx_tensor {
constexpr int dims = 1, data_type = 2, name = 8, raw_data = 9;
constexpr int of_float = 1, of_int64 = 7;
}  // namespace onnx_tensor
namespace onnx_value {
constexpr int name = 1, type = 2, doc_string = 3;
constexpr int tensor_type = 1;               // of a TypeProto
constexpr int elem_type = 1, shape = 2;      // of a TypeProto.Tensor
constexpr int dim = 1;                       // of a TensorShapeProto
constexpr int dim_value = 1, dim_param = 2;  // of its dimensions
}  // namespace onnx_value

constexpr std::int64_t onnx_ir_version = 8, onnx_opset_version = 17;

ProtobufMessage attribute_message(const OnnxGraph::Attribute& attribute) {
  ProtobufMessage message;
  message.bytes(onnx_attribute::name, attribute.first);
  if (const auto* number = std::get_if<std::int64_t>(&attribute.second)) {
    message.integer(onnx_attribute::i, *number);
    message.integer(onnx_attribute::type, onnx_attribute::of_int);
  } else if (const auto* real = std::get_if<float>(&attribute.second)) {
    message.real(onnx_attribute::f, *real);
    message.integer(onnx_attribute::type, onnx_attribute::of_float);
  } else {
    message.integers(onnx_attribute::ints, std::get<std::vector<std::int64_t>>(attribute.second));
    message.integer(onnx_attribute::type, onnx_attribute::of_ints);
  }
  return message;
}

ProtobufMessage value_message(const OnnxValue& value) {
  ProtobufMessage shape, tensor, type, message;
  shape.message(onnx_value::dim, ProtobufMessage().bytes(onnx_value::dim_param, "batch"));
  for (const std::int64_t extent : value.shape) {
    ProtobufMessage dim;
    if (extent == OnnxValue::any) {
      dim.bytes(onnx_value::dim_param, "beats");
    } else {
      dim.integer(onnx_value::dim_value, extent);
    }
    shape.message(onnx_value::dim, dim);
  }
  tensor.integer(onnx_value::elem_type, onnx_tensor::of_float).message(onnx_value::shape, shape);
  type.message(onnx_value::tensor_type, tensor);
  message.bytes(onnx_value::name, value.name)
      .message(onnx_value::type, type)
      .bytes(onnx_value::doc_string, value.description);
  return message;
}

// Numbers as they lie in memory: this code runs on little-endian machines only, as all of ekgine.
template <class T>
ProtobufMessage tensor_message(const std::string& name, std::span<const std::int64_t> shape,
                               int type, std::span<const T> values) {
  ProtobufMessage message;
  message.integers(onnx_tensor::dims, shape)
      .integer(onnx_tensor::data_type, type)
      .bytes(onnx_tensor::name, name)
      .bytes(onnx_tensor::raw_data,
             std::string_view(reinterpret_cast<const char*>(values.data()), values.size_bytes()));
  return message;
}

}  // namespace

std::string OnnxGraph::add_floats(const std::string& name, std::span<const std::int64_t> shape,
                                  std::span<const float> values) {
  constants_.message(onnx_graph::initializer,
                     tensor_message(name, shape, onnx_tensor::of_float, values));
  return name;
}

std::string OnnxGraph::add_integers(const std::string& name,
                                    const std::vector<std::int64_t>& values) {
  const std::int64_t shape[] = {std::ssize(values)};
  constants_.message(
      onnx_graph::initializer,
      tensor_message(name, shape, onnx_tensor::of_int64, std::span<const std::int64_t>(values)));
  return name;
}

void OnnxGraph::add_node(const char* op, const Names& inputs, const Names& outputs,
                         const Attributes& attributes) {
  ProtobufMessage node;
  for (const std::string& input : inputs) node.bytes(onnx_node::input, input);
  for (const std::string& output : outputs) node.bytes(onnx_node::output, output);
  node.bytes(onnx_node::name, outputs.back()).bytes(onnx_node::op_type, op);
  for (const Attribute& attribute : attributes) {
    node.message(onnx_node::attribute, attribute_message(attribute));
  }
  nodes_.message(onnx_graph::node, node);
}

std::string OnnxGraph::add(const char* op, const std::string& where, const Names& inputs,
                           const Attributes& attributes) {
  std::string output = fmt::format("{}/{}_{}", where, op, ++count_);
  add_node(op, inputs, {output}, attributes);
  return output;
}

std::string OnnxGraph::file(const OnnxValue& input, const OnnxValue& output,
                            const OnnxModelText& text) const {
  ProtobufMessage ends;
  ends.bytes(onnx_graph::name, text.producer)
      .message(onnx_graph::input, value_message(input))
      .message(onnx_graph::output, value_message(output));
  ProtobufMessage model;
  model.integer(onnx_model::ir_version, onnx_ir_version)
      .bytes(onnx_model::producer_name, text.producer)
      .bytes(onnx_model::producer_version, text.version)
      .bytes(onnx_model::doc_string, text.description)
      .message(onnx_model::opset_import, ProtobufMessage()
                                             .bytes(onnx_opset::domain, "")
                                             .integer(onnx_opset::version, onnx_opset_version));
  for (const auto& [key, value] : text.metadata) {
    model.message(onnx_model::metadata_props,
                  ProtobufMessage().bytes(onnx_entry::key, key).bytes(onnx_entry::value, value));
  }
  const std::string& nodes = nodes_.encoded();
  const std::string& constants = constants_.encoded();
  model.head_of_bytes(onnx_model::graph, nodes.size() + constants.size() + ends.encoded().size());
  return model.encoded() + nodes + constants + ends.encoded();
}

}  // namespace ekgine
