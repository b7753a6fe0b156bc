// Libraries that crash where they should fail: HDF5, oneDNN and OpenSSL do when they get no memory,
// HDF5 also on bytes that were made for it.
#pragma once

namespace ekgine {

// While it lives, this thread is inside of a library.
class InLibrary {
 public:
  explicit InLibrary(const char* name) noexcept;
  InLibrary(const InLibrary&) = delete;
  InLibrary& operator=(const InLibrary&) = delete;
  ~InLibrary() { name_ = before_; }

  // The library that this thread is in, or nullptr.
  static const char* name() noexcept { return name_; }

 private:
  static inline thread_local constinit const char* name_ = nullptr;
  const char* before_;
};

// From now on a crash inside of a library is the program's one line and exit status 1: the process
// ends at once, its temporary files with it. A crash elsewhere is a defect of ours, of which a core
// tells more: it ends the process by its signal, as ever.
void report_library_crashes();

}  // namespace ekgine
