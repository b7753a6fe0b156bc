// Zip files, made in memory: the containers of Keras' models and NumPy's arrays.
#pragma once

#include <span>
#include <string>

namespace ekgine {

struct ZipMember {
  std::string name, content;
};

enum class ZipMethod { store, deflate };

// The bytes of a zip with these members in this order, all of 1 January 1980, so that the same
// content gives the same bytes. `file` names the zip in errors.
std::string zip_of(std::span<const ZipMember> members, ZipMethod method, const std::string& file);

}  // namespace ekgine
