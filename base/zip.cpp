#include "base/zip.h"

#include <zip.h>

#include <memory>

#include "base/error.h"

namespace ekgine {

std::string zip_of(std::span<const ZipMember> members, ZipMethod method, const std::string& file) {
  zip_error_t error;
  zip_error_init(&error);
  const auto check = [&](bool done, const char* reason) {
    if (!done) fail("{}: cannot make the zip: {}", file, reason);
  };
  using Source = std::unique_ptr<zip_source_t, void (*)(zip_source_t*)>;
  const Source memory(zip_source_buffer_create(nullptr, 0, 0, &error), zip_source_free);
  check(memory != nullptr, "out of memory");
  std::unique_ptr<zip_t, void (*)(zip_t*)> archive(
      zip_open_from_source(memory.get(), ZIP_TRUNCATE, &error), zip_discard);
  check(archive != nullptr, zip_error_strerror(&error));
  zip_source_keep(memory.get());  // the archive has taken one of two ends
  const zip_int32_t compression = method == ZipMethod::store ? ZIP_CM_STORE : ZIP_CM_DEFLATE;
  for (const auto& [name, content] : members) {
    Source source(zip_source_buffer(archive.get(), content.data(), content.size(), 0),
                  zip_source_free);
    const zip_int64_t index =
        source == nullptr ? -1 : zip_file_add(archive.get(), name.c_str(), source.get(), 0);
    if (index >= 0) source.release();  // the archive's
    const auto number = static_cast<zip_uint64_t>(index);
    check(index >= 0 && zip_set_file_compression(archive.get(), number, compression, 0) == 0 &&
              zip_file_set_dostime(archive.get(), number, 0, 0x21, 0) == 0,
          zip_strerror(archive.get()));
  }
  check(zip_close(archive.get()) == 0, zip_strerror(archive.get()));
  archive.release();

  zip_stat_t info;
  check(zip_source_stat(memory.get(), &info) == 0 && zip_source_open(memory.get()) == 0,
        "it cannot be read");
  std::string bytes(info.size, '\0');
  const zip_int64_t read = zip_source_read(memory.get(), bytes.data(), bytes.size());
  zip_source_close(memory.get());
  check(read == static_cast<zip_int64_t>(bytes.size()), "it cannot be read");
  return bytes;
}

}  // namespace ekgine
