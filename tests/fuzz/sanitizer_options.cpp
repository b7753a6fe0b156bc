// What every fuzzer tells the sanitizers.

extern "C" {

// An allocation that is refused is an answer that libraries can deal with.
const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}
}
