// The Python module ekgine._ekgine, of which ekgine/__init__.py makes the package.

#include <nanobind/nanobind.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <filesystem>

#include "base/console.h"
#include "base/error.h"
#include "base/provenance.h"
#include "data/labels.h"
#include "python/bindings.h"
#include "python/threads.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace ekgine::python {

namespace {

// Errors are one line as the program prints it. std::bad_alloc is nanobind's MemoryError.
void translate(const std::exception_ptr& exception, void*) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::filesystem::filesystem_error& error) {
    errno = error.code().value();
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, error.path1().c_str());
  } catch (const Error& error) {
    PyErr_SetString(PyExc_ValueError, printable(error.what()).c_str());
  }
}

nb::tuple texts(const auto& values) {
  nb::list list;
  for (const std::string_view value : values) list.append(nb::str(value.data(), value.size()));
  return nb::tuple(list);
}

}  // namespace

void require_readable(const std::filesystem::path& path) {
  if (::access(path.c_str(), R_OK) == 0) return;
  PyErr_SetFromErrnoWithFilename(PyExc_OSError, path.c_str());
  throw nb::python_error();
}

}  // namespace ekgine::python

NB_MODULE(_ekgine, m) {
  using namespace ekgine;
  // What lives until the interpreter ends is no mistake of who has it.
  nb::set_leak_warnings(false);
  nb::register_exception_translator(python::translate);
  m.attr("version") = nb::str(program_version().data(), program_version().size());
  m.attr("classes") = python::texts(class_names);
  m.def("set_threads", python::set_threads, "threads"_a,
        "Sets how many threads calls compute with, of any of the interpreter's threads, from now "
        "on.\n\n0, as at the start: all cores that this process may use. The same number gives the "
        "same bits. `ValueError` outside of 0 to 1024.");
  m.def("threads", python::threads, "How many threads calls compute with.");
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(python::stop_other_threads));
  python::add_records(m);
  python::add_recordings(m);
  python::add_model(m);
  python::add_predictions(m);
}
