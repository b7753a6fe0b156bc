#include "base/zip.h"

#include <zip.h>

#include <memory>

#include "base/atomic_file.h"
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
    if (index >= 0) static_cast<void>(source.release());  // the archive's
    const auto number = static_cast<zip_uint64_t>(index);
    check(index >= 0 && zip_set_file_compression(archive.get(), number, compression, 0) == 0 &&
              zip_file_set_dostime(archive.get(), number, 0, 0x21, 0) == 0,
          zip_strerror(archive.get()));
  }
  check(zip_close(archive.get()) == 0, zip_strerror(archive.get()));
  static_cast<void>(archive.release());

  zip_stat_t info;
  check(zip_source_stat(memory.get(), &info) == 0 && zip_source_open(memory.get()) == 0,
        "it cannot be read");
  std::string bytes(info.size, '\0');
  const zip_int64_t read = zip_source_read(memory.get(), bytes.data(), bytes.size());
  zip_source_close(memory.get());
  check(read == static_cast<zip_int64_t>(bytes.size()), "it cannot be read");
  return bytes;
}

struct ZipReader::Archive {
  std::string path, kind, bytes;
  zip_t* zip = nullptr;

  ~Archive() {
    if (zip != nullptr) zip_discard(zip);
  }

  zip_stat_t entry(zip_uint64_t index) const {
    zip_stat_t info;
    constexpr zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                    ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if (zip_stat_index(zip, index, 0, &info) != 0 || (info.valid & needed) != needed) {
      fail("{}: entry {} of the zip cannot be read; damaged?", path, index);
    }
    return info;
  }
};

ZipReader::ZipReader(const std::filesystem::path& path, const std::string& kind)
    : archive_(std::make_unique<Archive>()) {
  archive_->path = path.string();
  archive_->kind = kind;
  archive_->bytes = read_file(path);
  const std::size_t size = archive_->bytes.size();
  if (size == 0) fail("{}: not {} (a zip), or truncated: it is empty", archive_->path, kind);
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(archive_->bytes.data(), size, 0, &error);
  if (source != nullptr) {
    archive_->zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
    if (archive_->zip == nullptr) zip_source_free(source);
  }
  if (archive_->zip == nullptr) {
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail("{}: not {} (a zip), or truncated: {}", archive_->path, kind, reason);
  }
  const std::size_t most = (std::size_t{16} << 20) + 16 * size;
  zip_uint64_t claimed = 0, stored = 0;
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive_->zip, 0); ++i) {
    const zip_stat_t info = archive_->entry(static_cast<zip_uint64_t>(i));
    if (info.comp_size > size || (stored += info.comp_size) > size) {
      fail("{}: the members of the zip overlap", archive_->path);
    }
    if (info.size > most || (claimed += info.size) > most) {
      fail("{}: {} claims {} bytes, more than a zip of {} bytes may hold", archive_->path,
           info.name, info.size, size);
    }
  }
}

ZipReader::~ZipReader() = default;

std::string ZipReader::read(const std::string& member, std::size_t largest) const {
  zip_t* zip = archive_->zip;
  const std::string& path = archive_->path;
  zip_int64_t index = -1;
  for (zip_int64_t i = 0; i < zip_get_num_entries(zip, 0); ++i) {
    if (archive_->entry(static_cast<zip_uint64_t>(i)).name != member) continue;
    if (index >= 0) fail("{}: the zip has {} twice", path, member);
    index = i;
  }
  if (index < 0) fail("{}: not {}: the zip has no {}", path, archive_->kind, member);
  const zip_stat_t info = archive_->entry(static_cast<zip_uint64_t>(index));
  if (info.encryption_method != ZIP_EM_NONE) fail("{}: {} is encrypted", path, member);
  if (info.comp_method != ZIP_CM_STORE && info.comp_method != ZIP_CM_DEFLATE) {
    fail("{}: {} is compressed by method {}, which is not supported", path, member,
         info.comp_method);
  }
  if (info.size > largest) {
    fail("{}: {} has {} bytes, expected at most {}", path, member, info.size, largest);
  }
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(
      zip_fopen_index(zip, static_cast<zip_uint64_t>(index), 0), zip_fclose);
  if (file == nullptr) fail("{}: {}: cannot read: {}", path, member, zip_strerror(zip));
  // One byte more than there is: reading to the end is what checks the CRC.
  std::string content(info.size + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const zip_int64_t n = zip_fread(file.get(), &content[size], content.size() - size);
    if (n < 0) fail("{}: {}: cannot read: {}", path, member, zip_file_strerror(file.get()));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size != info.size) fail("{}: {} has {} bytes, expected {}", path, member, size, info.size);
  content.pop_back();
  return content;
}

}  // namespace ekgine
