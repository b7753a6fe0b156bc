// A library for LD_PRELOAD that lets a call of the operating system or an allocation fail.
//
//   EKGINE_FAULT=KIND:K    the K-th call of that kind fails, counted from 1; KIND:K+ and all after
//   EKGINE_FAULT_REPORT=F  writes how many calls of each kind there were to F, as "KIND N" lines
//   EKGINE_FAULT_PLACE=F   writes to F who made the first call that failed, as "FILE+OFFSET" lines,
//                          innermost first, of which addr2line makes places in the source
//
// Kinds are those of `names` below. Counted are calls between the begin of main() and the end of
// the process, of the program itself: programs that it starts do not inherit the library.
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum Kind { writes, syncs, renames, opens, locks, folders, allocations, maps, threads, kinds };

constexpr std::array<const char*, kinds> names = {"write", "fsync",  "rename", "open",  "flock",
                                                  "mkdir", "malloc", "mmap",   "thread"};
constexpr std::array<int, kinds> errors = {ENOSPC, EIO,    EIO,    EMFILE, ENOLCK,
                                           ENOSPC, ENOMEM, ENOMEM, EAGAIN};

std::atomic<bool> in_main = false;
std::array<std::atomic<long>, kinds> counts{};
Kind chosen = kinds;
long first = 0;
bool all_after = false;
char report[4096] = "", place[4096] = "";

// Of the call that fails: nothing here allocates.
void write_place() {
  const int file = static_cast<int>(
      syscall(SYS_openat, AT_FDCWD, place, O_CREAT | O_WRONLY | O_TRUNC, S_IRUSR | S_IWUSR));
  std::array<void*, 24> frames{};
  const int number = backtrace(frames.data(), static_cast<int>(frames.size()));
  for (int i = 2; i < number; ++i) {  // without this function and `fails`
    Dl_info info{};
    if (dladdr(frames[static_cast<std::size_t>(i)], &info) == 0) continue;
    char line[512];
    const int size = std::snprintf(
        line, sizeof line, "%s+0x%zx\n", info.dli_fname,
        static_cast<std::size_t>(static_cast<char*>(frames[static_cast<std::size_t>(i)]) -
                                 static_cast<char*>(info.dli_fbase)));
    if (size > 0) syscall(SYS_write, file, line, std::min<std::size_t>(size, sizeof line - 1));
  }
  syscall(SYS_close, file);
}

// Counts a call; true where it is to fail, with errno set.
bool fails(Kind kind) {
  if (!in_main.load(std::memory_order_relaxed)) return false;
  const long number = ++counts[kind];
  if (kind != chosen || number < first || (number > first && !all_after)) return false;
  if (number == first && place[0] != '\0') write_place();
  errno = errors[kind];
  return true;
}

__attribute__((constructor)) void read_plan() {
  if (const char* plan = std::getenv("EKGINE_FAULT")) {
    const char* colon = std::strchr(plan, ':');
    for (int kind = 0; colon != nullptr && kind < kinds; ++kind) {
      if (std::strncmp(plan, names[kind], static_cast<std::size_t>(colon - plan)) == 0) {
        chosen = static_cast<Kind>(kind);
      }
    }
    if (chosen == kinds) std::abort();  // a mistake of the test
    char* end = nullptr;
    first = std::strtol(colon + 1, &end, 10);
    all_after = *end == '+';
  }
  if (const char* path = std::getenv("EKGINE_FAULT_REPORT")) {
    std::strncpy(report, path, sizeof report - 1);
  }
  if (const char* path = std::getenv("EKGINE_FAULT_PLACE")) {
    std::strncpy(place, path, sizeof place - 1);
    void* frame = nullptr;
    backtrace(&frame, 1);  // loads what it needs, which allocates
  }
  for (const char* name :
       {"LD_PRELOAD", "EKGINE_FAULT", "EKGINE_FAULT_REPORT", "EKGINE_FAULT_PLACE"}) {
    unsetenv(name);
  }
}

__attribute__((destructor)) void write_report() {
  in_main = false;
  if (report[0] == '\0') return;
  FILE* file = std::fopen(report, "w");
  if (file == nullptr) return;
  for (int kind = 0; kind < kinds; ++kind) {
    std::fprintf(file, "%s %ld\n", names[kind], counts[kind].load());
  }
  std::fclose(file);
}

template <class F>
F* next(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

using Main = int(int, char**, char**);
Main* program_main = nullptr;

int counted_main(int argc, char** argv, char** environment) {
  in_main = true;
  return program_main(argc, argv, environment);
}

int mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, int) : 0;
}

}  // namespace

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

int __libc_start_main(Main* main, int argc, char** argv, void (*init)(), void (*fini)(),
                      void (*rtld_fini)(), void* stack_end) {
  program_main = main;
  using Start = int(Main*, int, char**, void (*)(), void (*)(), void (*)(), void*);
  return next<Start>("__libc_start_main")(counted_main, argc, argv, init, fini, rtld_fini,
                                          stack_end);
}

void* malloc(std::size_t size) {
  return fails(allocations) ? nullptr : __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  return fails(allocations) ? nullptr : __libc_calloc(count, size);
}
void* realloc(void* block, std::size_t size) {
  return fails(allocations) ? nullptr : __libc_realloc(block, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return fails(allocations) ? nullptr : __libc_memalign(alignment, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  return fails(allocations) ? nullptr : __libc_memalign(alignment, size);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  if (fails(allocations)) return ENOMEM;
  *block = __libc_memalign(alignment, size);
  return *block == nullptr ? ENOMEM : 0;
}

void* mmap(void* address, std::size_t size, int protection, int flags, int file, off_t offset) {
  if (fails(maps)) return MAP_FAILED;
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, size, protection, flags, file, offset));
}
void* mmap64(void* address, std::size_t size, int protection, int flags, int file, off_t offset)
    __attribute__((alias("mmap")));

ssize_t write(int file, const void* bytes, std::size_t size) {
  return fails(writes) ? -1 : syscall(SYS_write, file, bytes, size);
}
ssize_t pwrite(int file, const void* bytes, std::size_t size, off_t offset) {
  return fails(writes) ? -1 : syscall(SYS_pwrite64, file, bytes, size, offset);
}
ssize_t pwrite64(int file, const void* bytes, std::size_t size, off_t offset) {
  return pwrite(file, bytes, size, offset);
}
ssize_t writev(int file, const iovec* parts, int count) {
  return fails(writes) ? -1 : syscall(SYS_writev, file, parts, count);
}

int fsync(int file) {
  return fails(syncs) ? -1 : static_cast<int>(syscall(SYS_fsync, file));
}
int fdatasync(int file) {
  return fails(syncs) ? -1 : static_cast<int>(syscall(SYS_fdatasync, file));
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned flags) noexcept {
  if (fails(renames)) return -1;
  return static_cast<int>(syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  return renameat2(from_folder, from, to_folder, to, 0);
}
int rename(const char* from, const char* to) noexcept {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = mode_of(flags, arguments);
  va_end(arguments);
  return fails(opens) ? -1 : static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = mode_of(flags, arguments);
  va_end(arguments);
  return open(path, flags, mode);
}
int openat(int folder, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = mode_of(flags, arguments);
  va_end(arguments);
  return fails(opens) ? -1 : static_cast<int>(syscall(SYS_openat, folder, path, flags, mode));
}
int openat64(int folder, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = mode_of(flags, arguments);
  va_end(arguments);
  return openat(folder, path, flags, mode);
}
int creat(const char* path, mode_t mode) {
  return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
FILE* fopen(const char* path, const char* mode) {
  static const auto real = next<FILE*(const char*, const char*)>("fopen");
  return fails(opens) ? nullptr : real(path, mode);
}
FILE* fopen64(const char* path, const char* mode) {
  return fopen(path, mode);
}

int flock(int file, int operation) noexcept {
  return fails(locks) ? -1 : static_cast<int>(syscall(SYS_flock, file, operation));
}
int mkdir(const char* path, mode_t mode) noexcept {
  return fails(folders) ? -1 : static_cast<int>(syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) noexcept {
  using Create = int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto real = next<Create>("pthread_create");
  return fails(threads) ? EAGAIN : real(thread, attributes, start, argument);
}

}  // extern "C"
