// What base/hdf5.cpp and base/hdf5_content.cpp share: identifiers of the HDF5 library, types,
// texts, and what its versions (1.10.7 and later) name differently.
#pragma once

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace ekgine::hdf5 {

// An HDF5 identifier and the function that closes it.
class Id {
 public:
  using Closer = herr_t (*)(hid_t);

  Id(hid_t id, Closer closer) : id_(id), closer_(closer) {}
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)), closer_(other.closer_) {}
  Id& operator=(Id&&) = delete;
  ~Id() {
    if (id_ >= 0) closer_(id_);
  }
  bool valid() const { return id_ >= 0; }
  hid_t get() const { return id_; }
  // Closes now and tells whether that worked.
  bool close() { return closer_(std::exchange(id_, -1)) >= 0; }

 private:
  hid_t id_;
  Closer closer_;
};

// What is asked of an object, as H5O_INFO_* bits say, and what tells it from the others of its
// file. HDF5 1.12 changed H5O_info_t, and with it the names of the functions that fill it.
#if H5_VERSION_GE(1, 12, 0)
using Place = std::array<std::uint8_t, sizeof(H5O_token_t)>;
inline Place place_of(const H5O_info_t& info) {
  return std::bit_cast<Place>(info.token);
}
inline herr_t object_info(hid_t object, H5O_info_t& info, unsigned fields) {
  return H5Oget_info3(object, &info, fields);
}
inline herr_t object_info(hid_t place, const char* name, H5O_info_t& info, unsigned fields) {
  return H5Oget_info_by_name3(place, name, &info, fields, H5P_DEFAULT);
}
#else
using Place = haddr_t;
inline Place place_of(const H5O_info_t& info) {
  return info.addr;
}
inline herr_t object_info(hid_t object, H5O_info_t& info, unsigned fields) {
  return H5Oget_info2(object, &info, fields);
}
inline herr_t object_info(hid_t place, const char* name, H5O_info_t& info, unsigned fields) {
  return H5Oget_info_by_name2(place, name, &info, fields, H5P_DEFAULT);
}
#endif

template <class T>
hid_t memory_type() {
  if constexpr (std::same_as<T, float>) return H5T_NATIVE_FLOAT;
  if constexpr (std::same_as<T, double>) return H5T_NATIVE_DOUBLE;
  if constexpr (std::same_as<T, std::int8_t>) return H5T_NATIVE_INT8;
  if constexpr (std::same_as<T, std::uint8_t>) return H5T_NATIVE_UINT8;
  if constexpr (std::same_as<T, std::int32_t>) return H5T_NATIVE_INT32;
  if constexpr (std::same_as<T, std::int64_t>) return H5T_NATIVE_INT64;
}

// The text of an attribute that holds one string of type `type`; nothing when it cannot be read.
inline std::optional<std::string> read_string(hid_t attribute, hid_t type) {
  if (H5Tis_variable_str(type) > 0) {
    char* text = nullptr;
    if (H5Aread(attribute, type, &text) < 0) return std::nullopt;
    std::string value = text != nullptr ? text : "";
    H5free_memory(text);
    return value;
  }
  std::string value(H5Tget_size(type), '\0');
  if (H5Aread(attribute, type, value.data()) < 0) return std::nullopt;
  value.resize(std::min(value.find('\0'), value.size()));
  if (H5Tget_strpad(type) == H5T_STR_SPACEPAD) value.resize(value.find_last_not_of(' ') + 1);
  return value;
}

}  // namespace ekgine::hdf5
