// What a file of others holds, taken out of it by the HDF5 library in a process of its own: damaged
// bytes make that library crash, loop, or ask for gigabytes, and links, external and virtual
// datasets lead it out of the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ekgine::hdf5 {

// A group, a dataset or an attribute of the object before it. Parents come before their members.
struct Item {
  enum class Kind : char { group = 'g', dataset = 'd', attribute = 'a' };
  Kind kind;
  std::string name;  // of objects: the path from the root, "" for the root itself
  std::vector<std::int64_t> shape;
  // A dataset's values; the one value of an attribute. A text stands for a dataset that holds no
  // numbers.
  std::variant<std::string, std::vector<float>, std::vector<double>, std::vector<std::int8_t>,
               std::vector<std::uint8_t>, std::vector<std::int32_t>, std::vector<std::int64_t>>
      values;
};

// All objects of the file `bytes`, and their attributes that are one number or one text. Integers
// and floats of other sizes are widened; bfloat16 as Keras writes it (two opaque bytes with the
// attribute dtype = "bfloat16") becomes float. Time and memory are bounded by the number of bytes.
//
// Errors begin with `name` and say where: damaged; a soft, external or user-defined link; an object
// that is linked twice; an external or virtual dataset; a compression that is not supported; data
// that is claimed but not stored, or is more than 16 times the file. The caller holds the lock on
// the library.
std::vector<Item> content_of(std::string_view bytes, const std::string& name);

}  // namespace ekgine::hdf5
