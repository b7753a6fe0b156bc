#include "engine/shared_batch.h"

#include "engine/back_end.h"
#include "engine/check.h"

namespace ekgine {

namespace {

// Calls body(pointer) with what the tensor holds.
template <class Body>
void with_type(const Tensor& tensor, const Body& body) {
  if (tensor.dtype() == DType::f64) {
    body(tensor.data<double>());
  } else {
    body(tensor.data<float>());
  }
}

// Bytes that go between the ranks and memory, at the least.
Op exchange(const char* name, const Tensor& tensor) {
  return {name, {0, static_cast<double>(tensor.size()) * tensor.element_bytes()}};
}

void sum(Ranks& ranks, const Tensor& values) {
  with_type(values, [&](auto* data) { ranks.sum(values.size(), data); });
}

}  // namespace

void sum_over_ranks(Tape& tape, const Tensor& values) {
  Ranks& ranks = *tape.part().ranks;
  const auto run = [&](auto&) { sum(ranks, values); };
  tape.run(exchange("sum_over_ranks", values), on_host(run));
}

void sum_over_ranks(Backward& node, Ranks& ranks, const Tensor& values) {
  const auto run = [&](auto&) { sum(ranks, values); };
  node.run(exchange("sum_over_ranks", values), on_host(run));
}

void sum_over_ranks(Device& device, Ranks& ranks, const Tensor& values) {
  device.measure(exchange("sum_over_ranks", values), Phase::update, [&] { sum(ranks, values); });
}

Tensor of_all_ranks(Tape& tape, const Tensor& mine) {
  Ranks& ranks = *tape.part().ranks;
  const std::int64_t count = ranks.count(), width = mine.size();
  Tensor all = tape.empty({count, width}, mine.dtype());
  const auto run = [&](auto&) {
    with_type(mine,
              [&]<class T>(T* data) { ranks.gather_rows(count, width, data, all.data<T>()); });
  };
  tape.run(exchange("of_all_ranks", all), on_host(run));
  return all;
}

Tensor gather_rows(Tape& tape, const Tensor& x) {
  const Tape::Part part = tape.part();
  if (part.ranks == nullptr) return x;
  check_shape(x.shape().rank() == 2 && x.shape()[0] == part.rows, "gather_rows", "x",
              "(rows of the part,C)", x);
  const std::int64_t width = x.shape()[1];
  const Tensor y = tape.empty({part.all, width}, x.dtype());
  const auto forward = [&](auto&) {
    with_type(
        x, [&]<class T>(T* data) { part.ranks->gather_rows(part.all, width, data, y.data<T>()); });
  };
  tape.run(exchange("gather_rows", y), on_host(forward));
  return tape.record(y, {x}, [part, width](Backward& node) {
    const GradientPlace dx = node.gradient(0);
    if (dx.accumulate) fail("gather_rows: its input is used by another op, too");
    const auto backward = [&](auto&) {
      with_type(node.dy(), [&]<class T>(T* dy) {
        part.ranks->sum_slice(part.all, width, dy, dx.tensor.data<T>());
      });
    };
    node.run(exchange("gather_rows", node.dy()), on_host(backward));
  });
}

}  // namespace ekgine
