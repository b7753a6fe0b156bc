#include "base/hdf5.h"

#include <fcntl.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/error.h"
#include "base/hdf5_content.h"
#include "base/hdf5_library.h"
#include "base/library_crash.h"
#include "base/seal.h"
#include "base/sha256.h"

namespace ekgine::hdf5 {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
constexpr std::string_view seal_line = "ekgine sha256 ";  // digits and a line break follow
constexpr std::size_t user_block = 512;                   // the smallest there is

// The library may have been built without thread safety: one lock for the whole process, taken by
// every public function. The threads of ekgine wait for the disk here, not for each other's sums.
std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

// Held during a call into the library; also keeps its error stack (per thread) off stderr.
class LibraryLock {
 public:
  LibraryLock() : lock_(library_mutex()) {
    // Out of memory, the library reports that it cannot report, without end.
    expect_stack_overflow();
    // A file whose close fails (a full disk) stays half closed inside the library, whose own
    // clean-up at exit then crashes. File closes everything itself, so that clean-up is not wanted.
    static const herr_t no_cleanup_at_exit = H5dont_atexit();
    static_cast<void>(no_cleanup_at_exit);
    if (!silence()) fail("the HDF5 library cannot start: out of memory?");
  }

 private:
  // Until it has been told not to, the library prints what goes wrong, that it cannot be told, too.
  static bool silence() {
    static std::FILE* const nowhere = std::fopen("/dev/null", "we");
    std::FILE* const shown = stderr;
    if (nowhere != nullptr) stderr = nowhere;
    const bool done = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
    stderr = shown;
    return done;
  }

  std::lock_guard<std::mutex> lock_;
};

// The operating system's reason inside the library's error stack ("No space left on device"), or
// `otherwise` where the stack holds none.
std::string system_reason(const std::string& otherwise) {
  std::string reason;
  const auto visit = [](unsigned, const H5E_error2_t* entry, void* data) -> herr_t {
    const std::string text = entry->desc != nullptr ? entry->desc : "";
    constexpr std::string_view key = "error message = '";
    const std::size_t begin = text.find(key);
    if (begin != std::string::npos) {
      const std::size_t first = begin + key.size();
      *static_cast<std::string*>(data) = text.substr(first, text.find('\'', first) - first);
    }
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, visit, &reason);
  return reason.empty() ? otherwise : reason;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + (shape[i] < 0 ? std::string("any") : std::to_string(shape[i]));
  }
  return text + ")";
}

// "a/b/c" without leading, trailing and doubled slashes; "" is the root.
std::string normal_name(const std::string& name) {
  std::string normal;
  for (const char c : name) {
    if (c == '/' && (normal.empty() || normal.back() == '/')) continue;
    normal += c;
  }
  if (normal.ends_with('/')) normal.pop_back();
  return normal;
}

// Fills the user block of a file that is written otherwise; returns the digits.
std::string seal_file(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  const auto check = [&](bool done) {
    if (done) return;
    const std::string reason = std::strerror(errno);
    if (file >= 0) ::close(file);
    fail("{}: cannot write: {}", path.string(), reason);
  };
  check(file >= 0);
  std::string block = fmt::format("{}{}\n", seal_line, blank_seal);
  block.resize(user_block);
  const auto write_block = [&] {
    check(::pwrite(file, block.data(), block.size(), 0) == static_cast<ssize_t>(block.size()));
  };
  write_block();
  Sha256 sum;
  std::string piece(std::size_t{1} << 20, '\0');
  ssize_t size = 0;
  while ((size = ::read(file, piece.data(), piece.size())) > 0) {
    sum.update({piece.data(), static_cast<std::size_t>(size)});
  }
  check(size == 0);
  std::string digits = sum.hex();
  block.replace(seal_line.size(), digits.size(), digits);
  write_block();
  ::close(file);
  return digits;
}

// Files are created without advisory locks: they may lie on file systems that have none; writers
// work on names of their own.
Id access_properties() {
  Id properties(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(properties.get(), 0, 1);
  H5Pset_fclose_degree(properties.get(), H5F_CLOSE_STRONG);
  return properties;
}

}  // namespace

struct File::Handle {
  fs::path path;
  hid_t file = -1;
  std::string bytes;  // of a file that was read; the library uses them where they lie
  std::string seal;
  bool seal_on_close = false;

  explicit Handle(fs::path p) : path(std::move(p)) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (file < 0) return;
    const LibraryLock lock;
    H5Fclose(file);
  }

  // Opens `bytes`.
  void open() {
    const LibraryLock lock;
    file = H5LTopen_file_image(bytes.data(), bytes.size(),
                               H5LT_FILE_IMAGE_DONT_COPY | H5LT_FILE_IMAGE_DONT_RELEASE);
    if (file < 0) {
      fail("{}: the HDF5 file cannot be opened: truncated or damaged?", path.string());
    }
  }

  std::string where(const std::string& object) const {
    return path.string() + ":" + (normal_name(object).empty() ? "/" : normal_name(object));
  }

  // Hard links only: no other is followed. H5Lexists asks about the last component only and fails
  // when an earlier one is missing.
  bool exists(const std::string& name) const {
    const std::string normal = normal_name(name);
    for (std::size_t end = 0; end != std::string::npos && !normal.empty();) {
      end = normal.find('/', end + 1);
      const std::string prefix = normal.substr(0, end);
      if (H5Lexists(file, prefix.c_str(), H5P_DEFAULT) <= 0) return false;
      H5L_info_t link;
      if (H5Lget_info(file, prefix.c_str(), &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD) {
        return false;
      }
      if (end != std::string::npos && !is_a(prefix, H5O_TYPE_GROUP)) return false;
    }
    return true;
  }

  bool is_a(const std::string& name, H5O_type_t type) const {
    H5O_info_t info;
    const std::string normal = normal_name(name);
    return object_info(file, normal.empty() ? "/" : normal.c_str(), info, H5O_INFO_BASIC) >= 0 &&
           info.type == type;
  }

  Id open_dataset(const std::string& name) const {
    if (!exists(name) || normal_name(name).empty()) fail("{}: the dataset is missing", where(name));
    if (!is_a(name, H5O_TYPE_DATASET)) fail("{}: expected a dataset, found a group", where(name));
    Id dataset(H5Dopen2(file, normal_name(name).c_str(), H5P_DEFAULT), H5Dclose);
    const Id creation(dataset.valid() ? H5Dget_create_plist(dataset.get()) : -1, H5Pclose);
    if (!creation.valid()) fail("{}: the dataset cannot be opened; damaged?", where(name));
    if (H5Pget_layout(creation.get()) == H5D_VIRTUAL ||
        H5Pget_external_count(creation.get()) != 0) {
      fail("{}: its data lies elsewhere, which is not followed", where(name));
    }
    return dataset;
  }

  Id open_object(const std::string& name) const {
    if (!exists(name)) fail("{}: the object is missing", where(name));
    const std::string normal = normal_name(name);
    Id object(H5Oopen(file, normal.empty() ? "/" : normal.c_str(), H5P_DEFAULT), H5Oclose);
    if (!object.valid()) fail("{}: the object cannot be opened; damaged?", where(name));
    return object;
  }

  std::vector<std::int64_t> shape(const std::string& name, hid_t dataset) const {
    const Id space(H5Dget_space(dataset), H5Sclose);
    const int rank = H5Sget_simple_extent_ndims(space.get());
    if (rank < 0) fail("{}: the shape cannot be read; damaged?", where(name));
    std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
    H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
    return {extents.begin(), extents.end()};
  }

  Id open_attribute(const std::string& object, const std::string& name, hid_t owner) const {
    if (H5Aexists(owner, name.c_str()) <= 0)
      fail("{}: the attribute '{}' is missing", where(object), name);
    Id attribute(H5Aopen(owner, name.c_str(), H5P_DEFAULT), H5Aclose);
    if (!attribute.valid()) {
      fail("{}: the attribute '{}' cannot be opened; damaged?", where(object), name);
    }
    return attribute;
  }

  // A numeric attribute of one element, converted to T.
  template <class T>
  T read_scalar(const std::string& object, const std::string& name) const {
    const Id owner = open_object(object);
    const Id attribute = open_attribute(object, name, owner.get());
    const Id type(H5Aget_type(attribute.get()), H5Tclose);
    const H5T_class_t kind = H5Tget_class(type.get());
    const Id space(H5Aget_space(attribute.get()), H5Sclose);
    const bool number = kind == H5T_INTEGER || (kind == H5T_FLOAT && std::is_floating_point_v<T>);
    T value{};
    if (!number || H5Sget_simple_extent_npoints(space.get()) != 1 ||
        H5Aread(attribute.get(), memory_type<T>(), &value) < 0) {
      fail("{}: the attribute '{}' is not one {}", where(object), name,
           std::is_floating_point_v<T> ? "number" : "integer");
    }
    return value;
  }

  // Creates or replaces a scalar attribute.
  void write_scalar(const std::string& object, const std::string& name, hid_t type,
                    const void* value) {
    const Id owner = open_object(object);
    if (H5Aexists(owner.get(), name.c_str()) > 0) H5Adelete(owner.get(), name.c_str());
    const Id space(H5Screate(H5S_SCALAR), H5Sclose);
    Id attribute(H5Acreate2(owner.get(), name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT),
                 H5Aclose);
    if (!attribute.valid() || H5Awrite(attribute.get(), type, value) < 0 || !attribute.close()) {
      fail("{}: cannot write the attribute '{}': {}", where(object), name,
           system_reason("refused by the HDF5 library"));
    }
  }
};

File::File(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;
File::~File() = default;

File File::open(const fs::path& path) {
  if (!fs::exists(path)) fail("{}: does not exist", path.string());
  if (!fs::is_regular_file(path)) fail("{}: is not a file", path.string());
  auto handle = std::make_unique<Handle>(path);
  handle->bytes = read_file(path);
  if (handle->bytes.starts_with(seal_line)) {
    if (!seal_holds(handle->bytes, seal_line.size())) fail_damaged(path.string());
    handle->seal = handle->bytes.substr(seal_line.size(), blank_seal.size());
    handle->open();
    return File(std::move(handle));
  }
  File file = open_image(std::as_bytes(std::span(handle->bytes)), path.string());
  notice(fmt::format("{}: has no checksum; taken as it is", path.string()));
  return file;
}

File File::open_image(std::span<const std::byte> image, const std::string& name) {
  const std::string_view bytes(reinterpret_cast<const char*>(image.data()), image.size());
  if (!bytes.starts_with(signature)) fail("{}: is not an HDF5 file, or damaged", name);
  const std::vector<Item> items = [&] {
    const LibraryLock lock;
    return content_of(bytes, name);
  }();
  File file = create_image(name);
  std::string owner;  // of attributes
  for (const Item& item : items) file.add(item, owner);
  return file;
}

void File::add(const Item& item, std::string& owner) {
  if (item.kind != Item::Kind::attribute) owner = item.name;
  if (item.kind == Item::Kind::group) {
    if (!item.name.empty()) create_group(item.name);
    return;
  }
  const bool attribute = item.kind == Item::Kind::attribute;
  const auto add_values = [&]<class Values>(const Values& values) {
    if constexpr (std::same_as<Values, std::string>) {
      attribute ? write_text(owner, item.name, values) : write_placeholder(item.name);
    } else if (!attribute) {
      write<typename Values::value_type>(item.name, values, item.shape);
    } else if constexpr (std::same_as<Values, std::vector<std::int64_t>>) {
      write_integer(owner, item.name, values.at(0));
    } else if constexpr (std::same_as<Values, std::vector<double>>) {
      write_number(owner, item.name, values.at(0));
    }
  };
  std::visit(add_values, item.values);
}

void File::write_placeholder(const std::string& dataset) {
  const LibraryLock lock;
  const Id space(H5Screate(H5S_SCALAR), H5Sclose);
  const Id id(H5Dcreate2(handle_->file, normal_name(dataset).c_str(), H5T_C_S1, space.get(),
                         H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
              H5Dclose);
  if (!id.valid()) fail("{}: cannot create the dataset", handle_->where(dataset));
}

File File::create(const fs::path& path) {
  const LibraryLock lock;
  const Id access = access_properties();
  const Id creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_userblock(creation.get(), user_block);
  auto handle = std::make_unique<Handle>(path);
  handle->seal_on_close = true;
  handle->file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get());
  if (handle->file < 0) fail("{}: cannot create: {}", path.string(), system_reason("refused"));
  return File(std::move(handle));
}

File File::create_image(const std::string& name) {
  const LibraryLock lock;
  const Id access = access_properties();
  H5Pset_fapl_core(access.get(), 1 << 20, false);
  // The library takes files of one name for one file, in memory too.
  static std::uint64_t number = 0;
  const std::string unique = fmt::format("{} {}", name, ++number);
  auto handle = std::make_unique<Handle>(name);
  handle->file = H5Fcreate(unique.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get());
  if (handle->file < 0) fail("{}: cannot create: {}", name, system_reason("refused"));
  return File(std::move(handle));
}

const std::string& File::seal() const {
  return handle_->seal;
}

std::string File::image() const {
  const LibraryLock lock;
  std::string bytes;
  bool read = H5Fflush(handle_->file, H5F_SCOPE_GLOBAL) >= 0;
  const ssize_t size = read ? H5Fget_file_image(handle_->file, nullptr, 0) : -1;
  if (size > 0) {
    bytes.resize(static_cast<std::size_t>(size));
    read = H5Fget_file_image(handle_->file, bytes.data(), bytes.size()) == size;
  }
  if (!read || size <= 0) fail("{}: the image cannot be read", handle_->path.string());
  return bytes;
}

void File::close() {
  if (handle_->file < 0) return;
  const LibraryLock lock;
  const bool flushed = H5Fflush(handle_->file, H5F_SCOPE_GLOBAL) >= 0;
  const std::string reason = flushed ? "" : system_reason("refused by the HDF5 library");
  const bool closed = H5Fclose(std::exchange(handle_->file, -1)) >= 0;
  if (!flushed || !closed) {
    fail("{}: cannot write: {}", handle_->path.string(),
         flushed ? system_reason("refused by the HDF5 library") : reason);
  }
  if (handle_->seal_on_close) handle_->seal = seal_file(handle_->path);
}

bool File::exists(const std::string& name) const {
  const LibraryLock lock;
  return handle_->exists(name);
}

bool File::is_group(const std::string& name) const {
  const LibraryLock lock;
  return handle_->exists(name) && handle_->is_a(name, H5O_TYPE_GROUP);
}

std::vector<std::string> File::members(const std::string& group) const {
  const LibraryLock lock;
  if (!handle_->exists(group)) fail("{}: the group is missing", handle_->where(group));
  if (!handle_->is_a(group, H5O_TYPE_GROUP)) {
    fail("{}: expected a group, found a dataset", handle_->where(group));
  }
  std::vector<std::string> names;
  const auto visit = [](hid_t, const char* name, const H5L_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  const std::string normal = normal_name(group);
  if (H5Literate_by_name(handle_->file, normal.empty() ? "/" : normal.c_str(), H5_INDEX_NAME,
                         H5_ITER_INC, nullptr, visit, &names, H5P_DEFAULT) < 0) {
    fail("{}: the group cannot be listed; damaged?", handle_->where(group));
  }
  return names;
}

std::vector<std::int64_t> File::shape(const std::string& dataset) const {
  const LibraryLock lock;
  const Id id = handle_->open_dataset(dataset);
  return handle_->shape(dataset, id.get());
}

template <class T>
std::vector<T> File::read(const std::string& dataset, std::span<const std::int64_t> expected,
                          std::optional<Rows> rows) const {
  const LibraryLock lock;
  const Id id = handle_->open_dataset(dataset);
  const std::vector<std::int64_t> found = handle_->shape(dataset, id.get());
  const auto agrees = [](std::int64_t want, std::int64_t got) { return want < 0 || want == got; };
  if (!expected.empty() &&
      !std::equal(expected.begin(), expected.end(), found.begin(), found.end(), agrees)) {
    fail("{}: the shape is {}, expected {}", handle_->where(dataset), shape_text(found),
         shape_text(expected));
  }
  const Id type(H5Dget_type(id.get()), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind != H5T_INTEGER && kind != H5T_FLOAT) {
    fail("{}: does not hold numbers", handle_->where(dataset));
  }
  if (kind == H5T_FLOAT && std::is_integral_v<T>) {
    fail("{}: holds floating-point numbers, expected integers", handle_->where(dataset));
  }
  std::vector<std::int64_t> wanted = found;
  if (rows) {
    const std::int64_t there = found.empty() ? 0 : found[0];
    if (found.empty() || rows->first < 0 || rows->first > there || rows->count < 0 ||
        rows->count > there - rows->first) {
      fail("{}: {} rows from {} on are not among its {}", handle_->where(dataset), rows->count,
           rows->first, there);
    }
    wanted[0] = rows->count;
  }
  std::vector<T> values;
  try {
    std::size_t count = 1;
    for (const std::int64_t extent : wanted) {
      if (__builtin_mul_overflow(count, static_cast<std::size_t>(extent), &count))
        throw std::bad_alloc();
    }
    if (count > values.max_size()) throw std::bad_alloc();
    values.resize(count);
  } catch (const std::bad_alloc&) {
    fail("{}: the shape {} does not fit into memory", handle_->where(dataset), shape_text(wanted));
  }
  if (values.empty()) return values;
  Id file_space(H5Dget_space(id.get()), H5Sclose),
      memory_space(H5Scopy(file_space.get()), H5Sclose);
  if (rows) {
    const std::vector<hsize_t> extents(wanted.begin(), wanted.end());
    std::vector<hsize_t> start(extents.size(), 0);
    start[0] = static_cast<hsize_t>(rows->first);
    H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, start.data(), nullptr, extents.data(),
                        nullptr);
    H5Sset_extent_simple(memory_space.get(), static_cast<int>(extents.size()), extents.data(),
                         nullptr);
  }
  if (H5Dread(id.get(), memory_type<T>(), memory_space.get(), file_space.get(), H5P_DEFAULT,
              values.data()) < 0) {
    fail("{}: cannot be read: {}", handle_->where(dataset), system_reason("damaged?"));
  }
  return values;
}

void File::create_group(const std::string& name) {
  const LibraryLock lock;
  const Id links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links.get(), 1);
  const Id id(
      H5Gcreate2(handle_->file, normal_name(name).c_str(), links.get(), H5P_DEFAULT, H5P_DEFAULT),
      H5Gclose);
  if (!id.valid()) {
    fail("{}: cannot create the group: {}", handle_->where(name),
         system_reason("an object of that name exists?"));
  }
}

template <class T>
void File::write(const std::string& dataset, std::span<const T> values,
                 std::span<const std::int64_t> shape, bool compress) {
  const LibraryLock lock;
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  if (count != std::ssize(values)) {
    fail("{}: {} values do not fill the shape {}", handle_->where(dataset), values.size(),
         shape_text(shape));
  }
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  const Id space(shape.empty()
                     ? H5Screate(H5S_SCALAR)
                     : H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
                 H5Sclose);
  const Id links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links.get(), 1);
  const Id creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  // No time stamps: the same data gives the same bytes.
  H5Pset_obj_track_times(creation.get(), false);
  if (compress && count > 0 && !shape.empty()) {
    // Chunks of about a megabyte, or one row where a row is larger.
    const std::int64_t row_bytes = count / shape[0] * static_cast<std::int64_t>(sizeof(T));
    std::vector<hsize_t> chunk = extents;
    chunk[0] = static_cast<hsize_t>(std::clamp<std::int64_t>((1 << 20) / row_bytes, 1, shape[0]));
    H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
    H5Pset_shuffle(creation.get());
    H5Pset_deflate(creation.get(), 1);
  }
  Id id(H5Dcreate2(handle_->file, normal_name(dataset).c_str(), memory_type<T>(), space.get(),
                   links.get(), creation.get(), H5P_DEFAULT),
        H5Dclose);
  if (!id.valid()) {
    fail("{}: cannot create the dataset: {}", handle_->where(dataset),
         system_reason("an object of that name exists?"));
  }
  if (!values.empty() &&
      H5Dwrite(id.get(), memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
    fail("{}: cannot write: {}", handle_->where(dataset),
         system_reason("refused by the HDF5 library"));
  }
  if (!id.close()) {
    fail("{}: cannot write: {}", handle_->where(dataset),
         system_reason("refused by the HDF5 library"));
  }
}

bool File::has_attribute(const std::string& object, const std::string& name) const {
  const LibraryLock lock;
  if (!handle_->exists(object)) return false;
  const Id owner = handle_->open_object(object);
  return H5Aexists(owner.get(), name.c_str()) > 0;
}

std::int64_t File::read_integer(const std::string& object, const std::string& name) const {
  const LibraryLock lock;
  return handle_->read_scalar<std::int64_t>(object, name);
}

double File::read_number(const std::string& object, const std::string& name) const {
  const LibraryLock lock;
  return handle_->read_scalar<double>(object, name);
}

std::string File::read_text(const std::string& object, const std::string& name) const {
  const LibraryLock lock;
  const Id owner = handle_->open_object(object);
  const Id attribute = handle_->open_attribute(object, name, owner.get());
  const Id type(H5Aget_type(attribute.get()), H5Tclose);
  const Id space(H5Aget_space(attribute.get()), H5Sclose);
  if (H5Tget_class(type.get()) != H5T_STRING || H5Sget_simple_extent_npoints(space.get()) != 1) {
    fail("{}: the attribute '{}' is not one text", handle_->where(object), name);
  }
  std::optional<std::string> text = read_string(attribute.get(), type.get());
  if (!text) {
    fail("{}: the attribute '{}' cannot be read; damaged?", handle_->where(object), name);
  }
  return std::move(*text);
}

void File::write_integer(const std::string& object, const std::string& name, std::int64_t value) {
  const LibraryLock lock;
  handle_->write_scalar(object, name, H5T_NATIVE_INT64, &value);
}

void File::write_number(const std::string& object, const std::string& name, double value) {
  const LibraryLock lock;
  handle_->write_scalar(object, name, H5T_NATIVE_DOUBLE, &value);
}

void File::write_text(const std::string& object, const std::string& name,
                      const std::string& value) {
  const LibraryLock lock;
  const Id type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), value.size() + 1);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  handle_->write_scalar(object, name, type.get(), value.c_str());
}

#define EKGINE_INSTANTIATE(T)                                                              \
  template std::vector<T> File::read<T>(const std::string&, std::span<const std::int64_t>, \
                                        std::optional<Rows>) const;                        \
  template void File::write<T>(const std::string&, std::span<const T>,                     \
                               std::span<const std::int64_t>, bool);
EKGINE_INSTANTIATE(float)
EKGINE_INSTANTIATE(double)
EKGINE_INSTANTIATE(std::int8_t)
EKGINE_INSTANTIATE(std::uint8_t)
EKGINE_INSTANTIATE(std::int32_t)
EKGINE_INSTANTIATE(std::int64_t)
#undef EKGINE_INSTANTIATE

}  // namespace ekgine::hdf5
