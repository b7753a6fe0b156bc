#include "engine/shared_batch.h"

#include <span>
#include <vector>

#include "engine/back_end.h"
#include "engine/check.h"
#include "kernels/convert.h"
#if EKGINE_HAS_CUDA
#include "kernels/runtime/cuda.h"
#include "kernels/runtime/cuda_communicator.h"
#endif

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

// How many values of `rows` rows each rank has.
std::vector<std::int64_t> slice_sizes(const Ranks& ranks, std::int64_t rows, std::int64_t width) {
  std::vector<std::int64_t> sizes;
  sizes.reserve(static_cast<std::size_t>(ranks.count()));
  for (int r = 0; r < ranks.count(); ++r) sizes.push_back(ranks.slice(rows, r).count * width);
  return sizes;
}

template <class B>
void sum(B& b, Ranks& ranks, const Tensor& values) {
  if (ranks.count() == 1) return;
  with_type(values, [&](auto* data) {
    if constexpr (B::is_cuda) {
      b.context.communicator->sum(values.size(), data);
    } else {
      ranks.sum(values.size(), data);
    }
  });
}

// all (rows, width) of the slices of its rows, of any type. `device` is that of `b`.
template <class B>
void gather(B& b, [[maybe_unused]] Device& device, Ranks& ranks, std::int64_t rows,
            const Tensor& mine, const Tensor& all) {
  const std::int64_t bytes = all.size() / rows * static_cast<std::int64_t>(size_of(all.dtype()));
  if constexpr (B::is_cuda) {
    if (ranks.count() == 1) return device.copy(all, mine);
    b.context.communicator->gather(slice_sizes(ranks, rows, bytes), mine.bytes(), all.bytes());
  } else {
    ranks.gather_rows(rows, bytes, static_cast<const std::byte*>(mine.bytes()), all.bytes());
  }
}

// part (a rank's slice of rows, width) of the sum of dy (rows, width) over the ranks, in float at
// the least. `wide`: on CUDA in bfloat16, (rows + slice, width) of float to do it in.
template <class B>
void sum_slice(B& b, [[maybe_unused]] Device& device, Ranks& ranks, std::int64_t rows,
               const Tensor& dy, const Tensor& part, [[maybe_unused]] const Tensor& wide) {
  const std::int64_t width = dy.size() / rows;
  if constexpr (B::is_cuda) {
    if (ranks.count() == 1) return device.copy(part, dy);
    const std::vector<std::int64_t> sizes = slice_sizes(ranks, rows, width);
    if (!wide) {
      return b.context.communicator->sum_pieces(sizes, dy.data<float>(), part.data<float>());
    }
    float* const sum = wide.data<float>() + dy.size();
    kernels::convert(b.context, dy.size(), dy.data<bfloat16>(), wide.data<float>());
    b.context.communicator->sum_pieces(sizes, wide.data<float>(), sum);
    kernels::convert(b.context, part.size(), sum, part.data<bfloat16>());
  } else {
    with_type(dy, [&]<class T>(T* data) { ranks.sum_slice(rows, width, data, part.data<T>()); });
  }
}

}  // namespace

void sum_over_ranks(Tape& tape, const Tensor& values) {
  Ranks& ranks = *tape.part().ranks;
  tape.run(exchange("sum_over_ranks", values), [&](auto& b) { sum(b, ranks, values); });
}

void sum_over_ranks(Backward& node, Ranks& ranks, const Tensor& values) {
  node.run(exchange("sum_over_ranks", values), [&](auto& b) { sum(b, ranks, values); });
}

Tensor of_all_ranks(Tape& tape, const Tensor& mine) {
  Ranks& ranks = *tape.part().ranks;
  Tensor all = tape.empty({ranks.count(), mine.size()}, mine.dtype());
  tape.run(exchange("of_all_ranks", all),
           [&](auto& b) { gather(b, tape.device(), ranks, ranks.count(), mine, all); });
  return all;
}

void exchange_step(Device& device, Ranks& ranks, const Tensor& gradients, const Tensor& mine,
                   const Tensor& all) {
  const auto both = [&](auto& b) {
    sum(b, ranks, gradients);
    gather(b, device, ranks, ranks.count(), mine, all);
  };
  const auto run = [&]<class B>(B& b) {
    if constexpr (B::is_cuda) {
      if (ranks.count() > 1) return b.context.communicator->together([&] { both(b); });
    }
    both(b);
  };
  device.measure(exchange("exchange_step", gradients), Phase::update, [&] { device.run(run); });
}

Tensor gather_rows(Tape& tape, const Tensor& x) {
  const Tape::Part part = tape.part();
  if (part.ranks == nullptr) return x;
  check_shape(x.shape().rank() == 2 && x.shape()[0] == part.rows, "gather_rows", "x",
              "(rows of the part,C)", x);
  const std::int64_t width = x.shape()[1];
  const Tensor y = tape.empty({part.all, width}, x.dtype());
  tape.run(exchange("gather_rows", y),
           [&](auto& b) { gather(b, tape.device(), *part.ranks, part.all, x, y); });
  return tape.record(y, {x}, [part, width](Backward& node) {
    const GradientPlace dx = node.gradient(0);
    if (dx.accumulate) fail("gather_rows: its input is used by another op, too");
    const Tensor dy = node.dy();
    Tensor wide;
    if (dy.dtype() == DType::bf16) wide = node.empty({part.all + part.rows, width}, DType::f32);
    node.run(exchange("gather_rows", dy), [&](auto& b) {
      sum_slice(b, node.device(), *part.ranks, part.all, dy, dx.tensor, wide);
    });
  });
}

}  // namespace ekgine
