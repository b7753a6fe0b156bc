// HDF5 files that are well formed, whose content is not always what a reader expects: what it may
// find behind a seal. Without a byte to decide by, everything is as expected.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "base/hdf5.h"

namespace ekgine::fuzz {

class OddFile {
 public:
  OddFile(hdf5::File& file, FuzzedDataProvider& bytes) : file_(file), bytes_(bytes) {}

  // A dataset of `shape`, value(i) each; or of other values, another shape, another type, or none.
  template <class T, class Value>
  void dataset(const std::string& name, std::vector<std::int64_t> shape, const Value& value) {
    const int fault = odd() ? bytes_.ConsumeIntegralInRange(1, 9) : 0;
    if (fault == 9) return;
    if (fault == 8) return file_.create_group(name);
    if (fault == 7) shape.clear();
    if (fault == 6) shape.push_back(bytes_.ConsumeIntegralInRange(0, 3));
    if (fault == 5 && !shape.empty()) shape.front() = bytes_.ConsumeIntegralInRange(0, 5);
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    if (fault == 4) return write<double>(name, shape, count, value, true);
    if (fault == 3) return write<std::int8_t>(name, shape, count, value, true);
    if (fault == 2) return write<std::int64_t>(name, shape, count, value, true);
    write<T>(name, shape, count, value, fault == 1);
  }

  void integer(const std::string& name, std::int64_t value) {
    if (!odd()) return file_.write_integer("/", name, value);
    other_attribute(name);
  }
  void text(const std::string& name, const std::string& value) {
    if (!odd()) return file_.write_text("/", name, value);
    other_attribute(name);
  }

 private:
  // One in 16 bytes says so.
  bool odd() { return bytes_.ConsumeIntegralInRange(0, 15) == 15; }

  void other_attribute(const std::string& name) {
    switch (bytes_.ConsumeIntegralInRange(0, 3)) {
      case 0:
        return file_.write_integer("/", name, bytes_.ConsumeIntegral<std::int64_t>());
      case 1:
        return file_.write_number("/", name,
                                  std::bit_cast<double>(bytes_.ConsumeIntegral<std::uint64_t>()));
      case 2:
        return file_.write_text("/", name, bytes_.ConsumeRandomLengthString(20));
      default:
        return;
    }
  }

  template <class T, class Value>
  void write(const std::string& name, const std::vector<std::int64_t>& shape, std::int64_t count,
             const Value& value, bool others) {
    std::vector<T> values;
    for (std::int64_t i = 0; i < count; ++i) {
      values.push_back(static_cast<T>(value(i)));
      if (!others || bytes_.remaining_bytes() == 0 || bytes_.ConsumeBool()) continue;
      if constexpr (std::is_same_v<T, float>) {
        values.back() = std::bit_cast<float>(bytes_.ConsumeIntegral<std::uint32_t>());
      } else if constexpr (std::is_same_v<T, double>) {
        values.back() = std::bit_cast<double>(bytes_.ConsumeIntegral<std::uint64_t>());
      } else {
        values.back() = bytes_.ConsumeIntegral<T>();
      }
    }
    file_.write<T>(name, values, shape);
  }

  hdf5::File& file_;
  FuzzedDataProvider& bytes_;
};

}  // namespace ekgine::fuzz
