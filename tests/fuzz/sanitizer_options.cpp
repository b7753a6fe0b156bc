// What every fuzzer tells the sanitizers.

extern "C" {

// An allocation that is refused is an answer that libraries can deal with.
const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}

// HDF5 1.10 loses memory when it fails.
const char* __lsan_default_suppressions() {
  return "leak:libhdf5";
}
const char* __lsan_default_options() {
  return "print_suppressions=0";
}
}
