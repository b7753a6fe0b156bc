#include "bench/choice.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <new>
#include <stdexcept>

#include "base/suggestion.h"
#include "bench/workload.h"

namespace ekgine {

namespace {

using testing::KernelCase;
using testing::KernelInput;
using testing::ShapedOp;

// Up to these, no product of extents overflows, neither in a case nor in an op.
constexpr std::int64_t largest_extent = std::int64_t{1} << 30;
constexpr double largest_product = 0x1p53;

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) {
  throw UsageError(fmt::format(text, std::forward<Args>(args)...));
}

std::int64_t parse_extent(const std::string& shape, const std::string& word) {
  std::int64_t extent = 0;
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, extent);
  if (error == std::errc::result_out_of_range || extent > largest_extent) {
    refuse("--shape {}: '{}' is too large, expected 1 to {}", shape, word, largest_extent);
  }
  if (error != std::errc() || stop != end || extent < 1) {
    refuse("--shape {}: '{}' is no number of 1 or more", shape, word);
  }
  return extent;
}

std::vector<std::int64_t> parse_shape(const std::string& shape) {
  std::vector<std::int64_t> extents;
  double product = 1;
  for (std::size_t begin = 0; begin <= shape.size();) {
    const std::size_t comma = std::min(shape.find(',', begin), shape.size());
    extents.push_back(parse_extent(shape, shape.substr(begin, comma - begin)));
    product *= static_cast<double>(extents.back());
    begin = comma + 1;
  }
  if (product > largest_product) {
    refuse("--shape {}: is too large, its numbers multiply to {:.1e}, expected at most {:.1e}",
           shape, product, largest_product);
  }
  return extents;
}

const ShapedOp& op_named(const std::vector<ShapedOp>& ops, const std::string& name) {
  const auto found = std::ranges::find(ops, name, &ShapedOp::op);
  if (found != ops.end()) return *found;
  std::vector<std::string> names;
  std::ranges::transform(ops, std::back_inserter(names), &ShapedOp::op);
  if (name.empty()) refuse("--shape: needs --filter with the name of an op, such as {}", names[0]);
  refuse("--filter {}: with --shape it is the name of an op{} (--list has them)", name,
         did_you_mean(name, names));
}

KernelCase case_at(const ShapedOp& op, const std::string& shape) {
  const std::vector<std::int64_t> extents = parse_shape(shape);
  if (extents.size() != op.dimensions.size()) {
    refuse("--shape {}: {} takes {} number{} ({}), got {}", shape, op.op, op.dimensions.size(),
           op.dimensions.size() == 1 ? "" : "s", fmt::join(op.dimensions, ","), extents.size());
  }
  try {
    return op.at(extents);
  } catch (const std::bad_alloc&) {  // of its indices or labels
  } catch (const std::length_error&) {
  }
  refuse("--shape {}: {} does not fit into the memory of this machine", shape, op.op);
}

std::vector<KernelCase> matching(const std::vector<KernelCase>& cases, const std::string& filter) {
  std::vector<KernelCase> found;
  std::ranges::copy_if(cases, std::back_inserter(found), [&](const KernelCase& c) {
    return c.name.find(filter) != std::string::npos;
  });
  if (found.empty()) refuse("--filter {}: no op has that in its name and shape", filter);
  return found;
}

// The inputs alone, in double: what does not fit need not be a number of bytes.
double bytes_of_inputs(const KernelCase& c) {
  double bytes = 0;
  for (const KernelInput& input : c.inputs) {
    double elements = 1;
    for (const std::int64_t extent : input.shape.extents()) {
      elements *= static_cast<double>(extent);
    }
    bytes += elements * sizeof(float);
  }
  return bytes;
}

}  // namespace

std::vector<KernelCase> Timeable::chosen(const BenchmarkOptions& options) const {
  if (options.shape.empty()) return matching(cases, options.filter);
  return {case_at(op_named(shaped, options.filter), options.shape)};
}

std::string Timeable::list(const std::string& filter) const {
  const std::vector<KernelCase> found = matching(cases, filter);
  std::string text;
  for (const ShapedOp& op : shaped) {
    std::string names;
    for (const KernelCase& c : found) {
      if (c.op_name() == op.op) names += "  " + c.name + "\n";
    }
    if (names.empty()) continue;
    text += fmt::format("{} --shape {}\n{}", op.op, fmt::join(op.dimensions, ","), names);
  }
  return text;
}

void check_shape(Device& device, const KernelCase& c, const std::string& shape, double memory) {
  const auto fits = [&](double bytes) {
    if (bytes > memory) {
      refuse("--shape {}: {} takes {:.3g} GB or more, there are {:.3g}", shape, c.name, bytes / 1e9,
             memory / 1e9);
    }
  };
  fits(bytes_of_inputs(c));
  try {
    const Footprint footprint = measure_footprint(device, c);
    fits(static_cast<double>(Workload::bytes(device, c, footprint) + footprint.activations));
    Workload workload(device, c, footprint);
    workload.write(device);
    Pass pass(device, workload);
    pass.forward();
    pass.finish();
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    refuse("--shape {}: {}", shape, error.what());
  }
}

void tell_other_device(const BenchmarkOptions& options, const std::string& then,
                       const std::string& now) {
  if (then == now) return;
  fmt::print(stderr,
             "ekgine_bench: --compare {}: is of {}, this is {}: the ratios compare devices\n",
             options.before.string(), then.empty() ? "a device that it does not name" : then, now);
}

}  // namespace ekgine
