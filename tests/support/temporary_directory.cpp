#include "tests/support/temporary_directory.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace ekgine::testing {

namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (fs::temp_directory_path() / "ekgine-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot create " + name);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  // A test may have made folders read-only.
  for (auto entry = fs::recursive_directory_iterator(path_, ignored);
       !ignored && entry != fs::recursive_directory_iterator(); entry.increment(ignored)) {
    if (entry->is_directory()) fs::permissions(*entry, fs::perms::owner_all, ignored);
  }
  fs::remove_all(path_, ignored);
}

void write_bytes(const fs::path& path, std::string_view bytes) {
  // Some file systems sync a file that is truncated and rewritten, but not a new one.
  fs::remove(path);
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), std::ssize(bytes));
  out.close();
  if (!out) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace ekgine::testing
