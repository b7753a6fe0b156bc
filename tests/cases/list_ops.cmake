# Writes LIST, a C++ file that defines all_ops() (op_cases.h): a row for every FOLDER/NAME.h. For
# CMakeLists.txt, and alone: cmake -D FOLDER=... -D LIST=... -P list_ops.cmake
file(GLOB headers RELATIVE ${FOLDER} ${FOLDER}/*.h)
set(includes "")
set(rows "")
foreach(header IN LISTS headers)
  string(REGEX REPLACE "\\.h$" "" name ${header})
  string(APPEND includes "#include \"tests/cases/ops/${header}\"\n")
  string(APPEND rows "  add(\"${name}\", ${name}_cases());\n")
endforeach()
file(CONFIGURE OUTPUT ${LIST} CONTENT "// Written by tests/cases/list_ops.cmake.
${includes}
namespace ekgine::testing {

std::vector<OpCases> all_ops() {
  std::vector<OpCases> ops;
  const auto add = [&ops](const char* name, OpCases op) {
    op.name = name;
    ops.push_back(std::move(op));
  };
${rows}  return ops;
}

}  // namespace ekgine::testing
" @ONLY)
