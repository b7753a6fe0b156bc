// HDF5 files, as far as ekgine needs them: groups, one-type datasets, scalar and string attributes.
//
// Files that create() makes are sealed (base/seal.h). The seal stands in HDF5's user block, the
// first 512 bytes, which other programs skip: the line "ekgine sha256 DIGITS", then zeros. A sealed
// file is checked against its seal before the HDF5 library sees any of it.
//
// Every failure is an Error of one line that names the file, the object and what was expected; the
// library's own error stack is not printed. Strings are UTF-8. Data is row-major, converted between
// file and memory types by HDF5 (a float64 dataset read as float is converted).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ekgine::hdf5 {

// Element types that can be read and written: float, double, std::int8_t, std::uint8_t,
// std::int32_t, std::int64_t.

// Some of a dataset: `count` entries along its first axis, from `first` on.
struct Rows {
  std::int64_t first = 0, count = 0;
};

struct Item;

class File {
 public:
  // Reads an existing file into memory and opens it for reading. One without a seal, from
  // elsewhere, is opened as open_image() does, and a notice says so. Errors: missing, not HDF5,
  // truncated, a seal that does not hold; those of content_of().
  static File open(const std::filesystem::path& path);
  // Opens a file without a seal that lies in memory. `name` stands for it in messages. Its content
  // is taken out of it in a process of its own (base/hdf5_content.h), of which this is a clean
  // copy; the library sees the bytes of others nowhere else.
  static File open_image(std::span<const std::byte> image, const std::string& name);
  // Creates a file, replacing one of that name. Write to an AtomicFile's temporary path.
  static File create(const std::filesystem::path& path);
  // Creates a file in memory, without a seal, of which image() is to be had. `name` stands for it
  // in messages.
  static File create_image(const std::string& name);
  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  ~File();

  // Flushes, closes and seals; errors that only show now (a full disk) are thrown. The destructor
  // closes without throwing, and without a seal, so a writer calls close() before it commits.
  void close();
  // The digits of the seal, of a file that was opened with one or has been closed with one; else
  // "".
  const std::string& seal() const;
  // The bytes of a file as they would be on disk.
  std::string image() const;

  // Object names are paths from the root: "layers/conv2d/vars/0". Parents are created on write.
  bool exists(const std::string& name) const;
  // Names of the members of a group, in name order; "/" is the root.
  std::vector<std::string> members(const std::string& group) const;
  bool is_group(const std::string& name) const;
  // Extents of a dataset; empty for a scalar.
  std::vector<std::int64_t> shape(const std::string& dataset) const;

  // Makes a group, and its parents. Errors: an object of that name exists.
  void create_group(const std::string& name);

  // Reads a dataset, or some rows of it. Errors: missing; not the `expected` shape, where one is
  // given (-1 in it matches any extent), which is that of the whole dataset; rows it does not have.
  template <class T>
  std::vector<T> read(const std::string& dataset, std::span<const std::int64_t> expected = {},
                      std::optional<Rows> rows = {}) const;
  // Writes a new dataset, chunked along the first axis and deflated when `compress` is set.
  template <class T>
  void write(const std::string& dataset, std::span<const T> values,
             std::span<const std::int64_t> shape, bool compress = false);

  // Attributes of a group or dataset ("/" is the root).
  bool has_attribute(const std::string& object, const std::string& name) const;
  std::int64_t read_integer(const std::string& object, const std::string& name) const;
  double read_number(const std::string& object, const std::string& name) const;
  std::string read_text(const std::string& object, const std::string& name) const;
  void write_integer(const std::string& object, const std::string& name, std::int64_t value);
  void write_number(const std::string& object, const std::string& name, double value);
  void write_text(const std::string& object, const std::string& name, const std::string& value);

 private:
  struct Handle;
  explicit File(std::unique_ptr<Handle> handle);
  // Adds what content_of() gives; `owner` is the object before it.
  void add(const Item& item, std::string& owner);
  // Adds a dataset that cannot be read as numbers.
  void write_placeholder(const std::string& dataset);
  std::unique_ptr<Handle> handle_;
};

}  // namespace ekgine::hdf5
