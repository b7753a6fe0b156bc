#include "base/hdf5_content.h"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <type_traits>
#include <utility>

#include "base/child.h"
#include "base/error.h"
#include "base/hdf5_library.h"

namespace ekgine::hdf5 {

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t deepest_group = 32;

// What a file of `size` bytes may hold, uncompressed.
std::size_t largest_content(std::size_t size) {
  return 16 * mebibyte + 16 * size;
}

// ---- Sending items through a pipe.

template <class T>
void append(std::string& text, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  text.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& text, std::string_view value) {
  append(text, value.size());
  text += value;
}

void send(const ChildOutput& output, const Item& item) {
  std::string head;
  append(head, item.kind);
  append_text(head, item.name);
  append(head, item.shape.size());
  for (const std::int64_t extent : item.shape) append(head, extent);
  append(head, item.values.index());
  std::visit(
      [&](const auto& values) {
        append(head, values.size());
        output(head);
        output({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0])});
      },
      item.values);
}

// What was sent comes from a process that may have run wild: nothing in it is trusted.
class Received {
 public:
  Received(std::string_view bytes, const std::string& name) : rest_(bytes), name_(name) {}

  bool empty() const { return rest_.empty(); }

  Item take() {
    Item item;
    item.kind = take_value<Item::Kind>();
    item.name = take_values<std::string>();
    item.shape = take_values<std::vector<std::int64_t>>();
    take_variant(take_value<std::size_t>(), item.values);
    return item;
  }

 private:
  std::string_view take_bytes(std::size_t count, std::size_t size) {
    if (count > rest_.size() / size) fail("{}: cannot be read; damaged?", name_);
    const std::string_view bytes = rest_.substr(0, count * size);
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  template <class T>
  T take_value() {
    T value;
    std::memcpy(&value, take_bytes(1, sizeof value).data(), sizeof value);
    return value;
  }
  template <class Values>
  Values take_values() {
    using T = typename Values::value_type;
    const std::string_view bytes = take_bytes(take_value<std::size_t>(), sizeof(T));
    Values values(bytes.size() / sizeof(T), T{});
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  template <std::size_t index = 0, class... Alternatives>
  void take_variant(std::size_t wanted, std::variant<Alternatives...>& values) {
    if constexpr (index < sizeof...(Alternatives)) {
      using Values = std::variant_alternative_t<index, std::variant<Alternatives...>>;
      if (wanted == index) {
        values = take_values<Values>();
      } else {
        take_variant<index + 1>(wanted, values);
      }
    } else {
      fail("{}: cannot be read; damaged?", name_);
    }
  }

  std::string_view rest_;
  const std::string& name_;
};

// ---- In the child.

// a·b, or nothing where it does not fit.
std::optional<std::size_t> product(std::span<const hsize_t> extents, std::size_t size) {
  std::size_t result = size;
  if (std::ranges::count(extents, hsize_t{0}) > 0) return 0;
  for (const hsize_t extent : extents) {
    if (__builtin_mul_overflow(result, extent, &result)) return std::nullopt;
  }
  return result;
}

std::string filter_name(H5Z_filter_t filter) {
  switch (filter) {
    case 32000:
      return "LZF";
    case 32001:
      return "Blosc";
    case 32004:
      return "LZ4";
    case 32008:
      return "Bitshuffle";
    case 32015:
      return "Zstandard";
    default:
      return "a filter of others";
  }
}

class Walk {
 public:
  Walk(std::string_view bytes, std::string name, const ChildOutput& output)
      : size_(bytes.size()), name_(std::move(name)), output_(output) {
    file_ = H5LTopen_file_image(const_cast<char*>(bytes.data()), bytes.size(),
                                H5LT_FILE_IMAGE_DONT_COPY | H5LT_FILE_IMAGE_DONT_RELEASE);
    if (file_ < 0) fail("{}: the HDF5 file cannot be opened: truncated or damaged?", name_);
  }

  void run() {
    const Id root(H5Oopen(file_, "/", H5P_DEFAULT), H5Oclose);
    object(root.get(), "", 0);
  }

 private:
  std::string where(const std::string& path) const {
    return name_ + ":" + (path.empty() ? "/" : path);
  }

  // Counts what is about to be taken into memory.
  void claim(const std::string& path, std::optional<std::size_t> bytes) {
    const std::size_t limit = largest_content(size_);
    if (!bytes || *bytes > limit || (claimed_ += *bytes) > limit) {
      fail("{}: with it the file claims more than {} bytes of content, too much for its {} bytes",
           where(path), limit, size_);
    }
  }

  void object(hid_t id, const std::string& path, std::size_t depth) {
    H5O_info_t info;
    if (id < 0 || object_info(id, info, H5O_INFO_BASIC | H5O_INFO_NUM_ATTRS) < 0) {
      fail("{}: the object cannot be opened; damaged?", where(path));
    }
    // Each once: else a group that contains itself, or groups that share members, have no end.
    if (!visited_.insert(place_of(info)).second) {
      fail("{}: is linked more than once in the file, which is not supported", where(path));
    }
    if (depth > deepest_group) {
      fail("{}: groups are nested deeper than {} levels", where(path), deepest_group);
    }
    claim(path, path.size() + 64);
    if (info.type == H5O_TYPE_GROUP) {
      send(output_, {Item::Kind::group, path, {}, {}});
      attributes(id, path, info.num_attrs);
      members(id, path, depth);
    } else if (info.type == H5O_TYPE_DATASET) {
      send(output_, dataset(id, path));
      attributes(id, path, info.num_attrs);
    } else {
      fail("{}: is neither a group nor a dataset", where(path));
    }
  }

  struct Link {
    std::string name;
    H5L_type_t type;
  };
  struct Links {
    Walk& walk;
    const std::string& path;
    std::vector<Link> found;
    std::optional<Error> error;  // which must not pass through the library
  };

  static herr_t add_link(hid_t, const char* name, const H5L_info_t* info, void* data) {
    Links& links = *static_cast<Links*>(data);
    try {
      links.walk.claim(links.path, std::strlen(name) + 64);
      links.found.push_back({name, info->type});
      return 0;
    } catch (const Error& error) {
      links.error = error;
      return -1;
    }
  }

  void members(hid_t group, const std::string& path, std::size_t depth) {
    Links links{*this, path, {}, {}};
    const herr_t listed = H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, add_link, &links);
    if (links.error) throw Error(*links.error);
    if (listed < 0) fail("{}: the group cannot be listed; damaged?", where(path));
    for (const auto& [name, type] : links.found) {
      const std::string member = path.empty() ? name : path + "/" + name;
      if (name.empty() || name == "." || name.find('/') != std::string::npos) {
        fail("{}: a member has the name '{}'; damaged?", where(path), name);
      }
      if (type != H5L_TYPE_HARD) {
        fail("{}: is {} link, which is not followed", where(member),
             type == H5L_TYPE_SOFT       ? "a soft"
             : type == H5L_TYPE_EXTERNAL ? "an external"
                                         : "a user-defined");
      }
      const Id id(H5Oopen(group, name.c_str(), H5P_DEFAULT), H5Oclose);
      object(id.get(), member, depth + 1);
    }
  }

  void attributes(hid_t object, const std::string& path, hsize_t count) {
    for (hsize_t i = 0; i < count; ++i) {
      const Id id(
          H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT),
          H5Aclose);
      const ssize_t length = id.valid() ? H5Aget_name(id.get(), 0, nullptr) : -1;
      if (length < 0) fail("{}: attribute {} cannot be opened; damaged?", where(path), i);
      claim(path, static_cast<std::size_t>(length) + 64);
      std::string name(static_cast<std::size_t>(length) + 1, '\0');
      H5Aget_name(id.get(), name.size(), name.data());
      name.pop_back();
      if (std::optional<Item> item = attribute(id.get(), path, name)) send(output_, *item);
    }
  }

  // Nothing, for kinds of attributes that nobody asks for.
  std::optional<Item> attribute(hid_t id, const std::string& path, const std::string& name) {
    const Id type(H5Aget_type(id), H5Tclose), space(H5Aget_space(id), H5Sclose);
    if (!type.valid() || !space.valid()) unreadable(path, name);
    if (H5Sget_simple_extent_npoints(space.get()) != 1) return std::nullopt;
    Item item{Item::Kind::attribute, name, {}, {}};
    switch (H5Tget_class(type.get())) {
      case H5T_INTEGER: {
        std::vector<std::int64_t> value(1);
        if (H5Aread(id, H5T_NATIVE_INT64, value.data()) < 0) unreadable(path, name);
        item.values = std::move(value);
        return item;
      }
      case H5T_FLOAT: {
        std::vector<double> value(1);
        if (H5Aread(id, H5T_NATIVE_DOUBLE, value.data()) < 0) unreadable(path, name);
        item.values = std::move(value);
        return item;
      }
      case H5T_STRING: {
        const std::size_t size = H5Tget_size(type.get());
        claim(path, size);
        std::optional<std::string> text = read_string(id, type.get());
        if (!text) unreadable(path, name);
        claim(path, text->size());
        item.values = std::move(*text);
        return item;
      }
      default:
        return std::nullopt;
    }
  }

  [[noreturn]] void unreadable(const std::string& path, const std::string& name) const {
    fail("{}: the attribute '{}' cannot be read; damaged?", where(path), name);
  }

  Item dataset(hid_t id, const std::string& path) {
    Item item{Item::Kind::dataset, path, {}, {}};
    const Id type(H5Dget_type(id), H5Tclose), space(H5Dget_space(id), H5Sclose),
        creation(H5Dget_create_plist(id), H5Pclose);
    if (!type.valid() || !space.valid() || !creation.valid()) {
      fail("{}: the dataset cannot be opened; damaged?", where(path));
    }
    const H5D_layout_t layout = H5Pget_layout(creation.get());
    if (layout == H5D_VIRTUAL) {
      fail("{}: is a virtual dataset, made of other ones, which are not followed", where(path));
    }
    if (H5Pget_external_count(creation.get()) != 0) {
      fail("{}: its data lies in other files, which are not followed", where(path));
    }
    check_filters(creation.get(), path);
    const H5T_class_t kind = H5Tget_class(type.get());
    const bool bfloat16 = is_bfloat16(id, type.get());
    if ((kind != H5T_INTEGER && kind != H5T_FLOAT && !bfloat16) ||
        H5Sget_simple_extent_type(space.get()) == H5S_NULL) {
      return item;
    }
    const std::vector<hsize_t> extents = extents_of(space.get(), path);
    item.shape.assign(extents.begin(), extents.end());
    const std::size_t size = H5Tget_size(type.get());
    const std::optional<std::size_t> bytes = product(extents, std::max(size, std::size_t{8}));
    claim(path, bytes);
    if (size < 1 || size > 16) fail("{}: numbers of {} bytes; damaged?", where(path), size);
    if (*bytes > 0) check_storage(id, creation.get(), layout, extents, size, path);
    const std::size_t count = *product(extents, 1);
    if (bfloat16) {
      std::vector<std::uint16_t> halves(count);
      read(id, type.get(), halves, path);
      std::vector<float> values(count);
      std::ranges::transform(halves, values.begin(), [](std::uint16_t v) {
        return std::bit_cast<float>(static_cast<std::uint32_t>(v) << 16);
      });
      item.values = std::move(values);
    } else if (kind == H5T_FLOAT) {
      size <= 4 ? read_as<float>(id, count, path, item) : read_as<double>(id, count, path, item);
    } else if (size == 1) {
      H5Tget_sign(type.get()) == H5T_SGN_NONE ? read_as<std::uint8_t>(id, count, path, item)
                                              : read_as<std::int8_t>(id, count, path, item);
    } else {
      size < 4 || (size == 4 && H5Tget_sign(type.get()) != H5T_SGN_NONE)
          ? read_as<std::int32_t>(id, count, path, item)
          : read_as<std::int64_t>(id, count, path, item);
    }
    return item;
  }

  // Integers of eight bytes without a sign that are beyond std::int64_t become its largest.
  template <class T>
  void read_as(hid_t id, std::size_t count, const std::string& path, Item& item) const {
    std::vector<T> values(count);
    read(id, memory_type<T>(), values, path);
    item.values = std::move(values);
  }
  template <class T>
  void read(hid_t id, hid_t type, std::vector<T>& values, const std::string& path) const {
    if (!values.empty() && H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
      fail("{}: cannot be read: damaged?", where(path));
    }
  }

  std::vector<hsize_t> extents_of(hid_t space, const std::string& path) const {
    const int rank = H5Sget_simple_extent_ndims(space);
    if (rank < 0 || rank > H5S_MAX_RANK) {
      fail("{}: the shape cannot be read; damaged?", where(path));
    }
    std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
    H5Sget_simple_extent_dims(space, extents.data(), nullptr);
    return extents;
  }

  void check_filters(hid_t creation, const std::string& path) const {
    const int count = H5Pget_nfilters(creation);
    if (count < 0) fail("{}: the dataset cannot be opened; damaged?", where(path));
    for (int i = 0; i < count; ++i) {
      unsigned flags = 0;
      std::size_t parameters = 0;
      const H5Z_filter_t filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags,
                                                 &parameters, nullptr, 0, nullptr, nullptr);
      if (filter < 1 || filter > H5Z_FILTER_SCALEOFFSET) {
        fail("{}: is compressed by {} (filter {}), which is not supported", where(path),
             filter_name(filter), filter);
      }
    }
  }

  static bool is_bfloat16(hid_t id, hid_t type) {
    if (H5Tget_class(type) != H5T_OPAQUE || H5Tget_size(type) != 2) return false;
    if (H5Aexists(id, "dtype") <= 0) return false;
    const Id attribute(H5Aopen(id, "dtype", H5P_DEFAULT), H5Aclose);
    const Id text(H5Aget_type(attribute.get()), H5Tclose);
    const Id space(H5Aget_space(attribute.get()), H5Sclose);
    return H5Tget_class(text.get()) == H5T_STRING && H5Tget_size(text.get()) <= 64 &&
           H5Sget_simple_extent_npoints(space.get()) == 1 &&
           read_string(attribute.get(), text.get()) == "bfloat16";
  }

  // A shape is a claim: the file must have the bytes.
  void check_storage(hid_t id, hid_t creation, H5D_layout_t layout,
                     std::span<const hsize_t> extents, std::size_t size, const std::string& path) {
    const hsize_t stored = H5Dget_storage_size(id);
    stored_ += std::min<hsize_t>(stored, size_ + 1);
    if (stored > size_ || stored_ > size_) {
      fail("{}: claims more stored bytes than the file has", where(path));
    }
    if (layout != H5D_CHUNKED) {
      if (const std::size_t needed = *product(extents, size); stored < needed) {
        fail("{}: its shape needs {} bytes, {} are stored", where(path), needed, stored);
      }
      return;
    }
    std::vector<hsize_t> chunk(extents.size());
    if (H5Pget_chunk(creation, static_cast<int>(chunk.size()), chunk.data()) !=
            static_cast<int>(chunk.size()) ||
        std::ranges::count(chunk, hsize_t{0}) > 0) {
      fail("{}: its chunks cannot be read; damaged?", where(path));
    }
    claim(path, product(chunk, size));
    hsize_t expected = 1;
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      expected *= extents[i] / chunk[i] + (extents[i] % chunk[i] != 0);
    }
    hsize_t found = 0;
    const Id space(H5Dget_space(id), H5Sclose);
    if (H5Dget_num_chunks(id, space.get(), &found) < 0 || found != expected) {
      fail("{}: its shape needs {} chunks, {} are stored", where(path), expected, found);
    }
  }

  std::size_t size_;
  std::string name_;
  const ChildOutput& output_;
  hid_t file_;
  std::set<Place> visited_;
  std::size_t claimed_ = 0;  // bytes in memory
  hsize_t stored_ = 0;       // bytes of datasets in the file
};

}  // namespace

std::vector<Item> content_of(std::string_view bytes, const std::string& name) {
  const std::size_t content = largest_content(bytes.size());
  // The library keeps a chunk or two beside what it is asked for.
  const ChildLimits limits{64 * mebibyte + 3 * content, 2 * content,
                           2 + bytes.size() / (4 * mebibyte)};
  const std::string sent = run_in_child(
      name, limits, [&](const ChildOutput& output) { Walk(bytes, name, output).run(); });
  std::vector<Item> items;
  for (Received received(sent, name); !received.empty();) items.push_back(received.take());
  return items;
}

}  // namespace ekgine::hdf5
